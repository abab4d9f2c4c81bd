"""The scheduler with plain values: no event loop, no node class, no thread."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_execution.errors import InvariantError, NodeNotFoundError
from comfy_execution.graph import Dependency
from comfy_execution.scheduler import Scheduler
from comfy_execution.states import (
    CollectExpansion,
    DriveRegion,
    EndPrompt,
    Event,
    InputsRequested,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    NodeOpened,
    OpenNode,
    Outcome,
    PromptInterrupted,
    RegionFinished,
    Wait,
)


@dataclass
class Graph:
    """A graph written as {node: {input: (source, slot)}}; lazy inputs end in "?"."""

    links: dict[str, dict[str, tuple[str, int]]]
    outputs: set[str] = field(default_factory=set)
    asyncs: set[str] = field(default_factory=set)
    cached: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def dependencies(self, node_id: str) -> list[Dependency]:
        if node_id not in self.links:
            raise NodeNotFoundError(node_id)
        return [
            Dependency(name, source, slot, name.endswith("?"))
            for name, (source, slot) in self.links[node_id].items()
        ]

    def is_output(self, node_id: str) -> bool:
        return node_id in self.outputs

    def is_async(self, node_id: str) -> bool:
        return node_id in self.asyncs

    def has_value(self, node_id: str, slot: int) -> bool:
        return self.has_values(node_id)

    def has_values(self, node_id: str) -> bool:
        return node_id in self.cached or node_id in self.done


class Watched(Scheduler):
    """Keeps the graph's `done` up to date as a driver does: values first, then the event."""

    def __init__(self, graph: Graph, outputs: Iterable[str]) -> None:
        self.values = graph.done
        super().__init__(graph, outputs)

    def handle(self, event: Event) -> None:
        match event:
            case NodeFinished(node_id):
                self.values.add(node_id)
            case RegionFinished(node_ids):
                self.values.update(node_ids)
        super().handle(event)


def chain(*ids: str) -> dict[str, dict[str, tuple[str, int]]]:
    links: dict[str, dict[str, tuple[str, int]]] = {ids[0]: {}}
    links.update({after: {"x": (before, 0)} for before, after in itertools.pairwise(ids)})
    return links


def start(graph: Graph, *outputs: str) -> Scheduler:
    return Watched(graph, outputs or sorted(graph.outputs))


def drain(scheduler: Scheduler) -> list[object]:
    """Runs ordinary nodes to the end; the instructions on the way."""
    said: list[object] = []
    while True:
        instruction = scheduler.next()
        said.append(instruction)
        scheduler.validate()
        match instruction:
            case OpenNode(node_id) | CollectExpansion(node_id):
                scheduler.handle(NodeFinished(node_id))
            case DriveRegion(node_ids):
                scheduler.handle(RegionFinished(node_ids))
            case _:
                return said


def opened(said: list[object]) -> list[str]:
    return [instruction.node_id for instruction in said if isinstance(instruction, OpenNode)]


def test_a_chain_is_opened_from_its_root() -> None:
    said = drain(start(Graph(chain("a", "b", "c"), {"c"})))
    assert said == [OpenNode("a"), OpenNode("b"), OpenNode("c"), EndPrompt(Outcome.SUCCESS)]


def test_what_no_output_needs_is_never_opened() -> None:
    graph = Graph({**chain("a", "b"), "stray": {}}, {"b"})
    assert opened(drain(start(graph))) == ["a", "b"]


def test_the_last_input_is_planned_first() -> None:
    graph = Graph({"1": {}, "2": {}, "3": {"a": ("1", 0), "b": ("2", 0)}, "4": {"x": ("3", 0)}}, {"4"})
    assert opened(drain(start(graph))) == ["2", "1", "3", "4"]


def test_outputs_go_before_their_feeders_and_those_before_others() -> None:
    links = {
        "root": {},
        "far1": {"x": ("root", 0)},
        "far2": {"x": ("far1", 0)},
        "far3": {"x": ("far2", 0)},
        "end": {"x": ("far3", 0)},
        "quick": {"x": ("root", 0)},
        "feeder": {"x": ("root", 0)},
        "late": {"x": ("feeder", 0)},
    }
    order = opened(drain(start(Graph(links, {"end", "quick", "late"}), "end", "quick", "late")))
    assert order == ["root", "quick", "feeder", "late", "far1", "far2", "far3", "end"]


def test_async_nodes_are_started_before_blocking_ones_and_run_side_by_side() -> None:
    links = {"a": {}, "b": {}, "c": {}, "out": {"x": ("a", 0), "y": ("b", 0), "z": ("c", 0)}}
    scheduler = start(Graph(links, {"out"}, asyncs={"a", "c"}))
    assert [scheduler.next() for _ in range(4)] == [OpenNode("c"), OpenNode("a"), OpenNode("b"), Wait()]
    assert scheduler.num_running == 3
    for node_id in "bac":
        scheduler.handle(NodeFinished(node_id))
    assert scheduler.next() == OpenNode("out")


def test_a_cached_source_is_not_waited_for_and_its_ancestors_are_not_planned() -> None:
    graph = Graph(chain("a", "b", "c"), {"c"}, cached={"b"})
    assert opened(drain(start(graph))) == ["c"]


def test_a_cached_output_is_still_handed_out_once() -> None:
    graph = Graph(chain("a", "b"), {"b"}, cached={"a", "b"})
    assert opened(drain(start(graph))) == ["b"]


def test_a_lazy_input_runs_only_when_it_was_asked_for() -> None:
    graph = Graph({"a": {}, "b": {}, "switch": {"a?": ("a", 0), "b?": ("b", 0)}}, {"switch"})
    scheduler = start(graph)
    assert scheduler.next() == OpenNode("switch")
    scheduler.handle(InputsRequested("switch", ("b?",)))
    assert drain(scheduler) == [OpenNode("b"), OpenNode("switch"), EndPrompt(Outcome.SUCCESS)]


def test_a_lazy_input_that_is_there_already_costs_nothing() -> None:
    graph = Graph({"a": {}, "b": {"x": ("a", 0)}, "s": {"y": ("b", 0), "a?": ("a", 0)}}, {"s"})
    scheduler = start(graph)
    for node_id in "ab":
        assert scheduler.next() == OpenNode(node_id)
        scheduler.handle(NodeFinished(node_id))
    assert scheduler.next() == OpenNode("s")
    scheduler.handle(InputsRequested("s", ("a?",)))
    assert scheduler.next() == OpenNode("s")


def test_an_expanded_node_waits_for_its_results_but_not_for_its_outputs() -> None:
    graph = Graph({"p": {}, "out": {"x": ("p", 0)}}, {"out", "p.show"})
    scheduler = start(graph, "out")
    assert scheduler.next() == OpenNode("p")
    graph.links |= {"p.1": {}, "p.show": {"x": ("p.1", 0)}}
    scheduler.handle(NodeExpanded("p", (("p.1", 0),), ("p.show",)))
    assert scheduler.next() == OpenNode("p.1")
    scheduler.handle(NodeFinished("p.1"))
    assert [scheduler.next(), scheduler.next()] == [OpenNode("p.show"), CollectExpansion("p")]
    scheduler.handle(NodeFinished("p"))
    assert scheduler.next() == OpenNode("out")


def test_an_expansion_without_links_is_collected_at_once() -> None:
    scheduler = start(Graph({"p": {}}, {"p"}))
    scheduler.next()
    scheduler.handle(NodeExpanded("p", ()))
    assert drain(scheduler) == [CollectExpansion("p"), EndPrompt(Outcome.SUCCESS)]


def test_early_values_of_an_opened_node_free_its_consumers_before_it_is_finished() -> None:
    links = {"source": {}, "fps": {"x": ("source", 1)}, "sink": {"frames": ("source", 0)}}
    scheduler = start(Graph(links, {"fps", "sink"}))
    scheduler.next()
    scheduler.handle(NodeOpened("source"))
    scheduler.validate()
    assert {scheduler.next(), scheduler.next()} == {OpenNode("fps"), OpenNode("sink")}
    scheduler.handle(NodeFinished("fps"))
    scheduler.handle(NodeOpened("sink", frozenset({0})))
    assert scheduler.next() == DriveRegion(("source", "sink"))
    scheduler.handle(RegionFinished(("source", "sink")))
    assert scheduler.next() == EndPrompt(Outcome.SUCCESS)


def test_late_values_come_only_when_the_region_was_driven() -> None:
    links = {"source": {}, "sink": {"x": ("source", 0)}, "after": {"file": ("sink", 0)}}
    scheduler = start(Graph(links, {"after"}))
    scheduler.next()
    scheduler.handle(NodeOpened("source"))
    scheduler.next()
    scheduler.handle(NodeOpened("sink", frozenset({0})))
    assert scheduler.next() == DriveRegion(("source", "sink"))
    assert scheduler.next() == Wait()
    scheduler.handle(RegionFinished(("source", "sink")))
    assert drain(scheduler) == [OpenNode("after"), EndPrompt(Outcome.SUCCESS)]


def test_a_region_is_not_driven_while_a_consumer_is_still_to_be_opened() -> None:
    links = {"source": {}, "slow": {}, "sink": {"x": ("source", 0), "y": ("slow", 0)}}
    scheduler = start(Graph(links, {"sink"}, asyncs={"slow"}))
    scheduler.next()
    assert scheduler.next() == OpenNode("source")
    scheduler.handle(NodeOpened("source"))
    assert scheduler.next() == Wait()
    scheduler.handle(NodeFinished("slow"))
    assert scheduler.next() == OpenNode("sink")


def test_two_regions_are_driven_separately() -> None:
    links = {"s1": {}, "k1": {"x": ("s1", 0)}, "s2": {}, "k2": {"x": ("s2", 0)}}
    scheduler = start(Graph(links, {"k1", "k2"}))
    regions = []
    while not isinstance(instruction := scheduler.next(), EndPrompt):
        if isinstance(instruction, OpenNode):
            scheduler.handle(NodeOpened(instruction.node_id))
        else:
            regions.append(instruction.node_ids)
            scheduler.handle(RegionFinished(instruction.node_ids))
        scheduler.validate()
    assert sorted(regions) == [("s1", "k1"), ("s2", "k2")]


def test_a_late_value_that_returns_into_its_region_is_a_cycle() -> None:
    links = {"source": {}, "sink": {"x": ("source", 0)}, "join": {"a": ("source", 0), "b": ("sink", 0)}}
    scheduler = start(Graph(links, {"join"}))
    scheduler.next()
    scheduler.handle(NodeOpened("source"))
    assert scheduler.next() == OpenNode("sink")
    scheduler.handle(NodeOpened("sink", frozenset({0})))
    end = scheduler.next()
    assert isinstance(end, EndPrompt)
    assert end.outcome is Outcome.CYCLE


def test_a_cycle_names_its_nodes() -> None:
    links = {"a": {"x": ("b", 0)}, "b": {"x": ("a", 0)}, "out": {"x": ("a", 0)}}
    end = start(Graph(links, {"out"})).next()
    assert isinstance(end, EndPrompt)
    assert (end.outcome, set(end.node_ids)) == (Outcome.CYCLE, {"a", "b"})


def test_nothing_is_started_after_a_failure() -> None:
    scheduler = start(Graph({"a": {}, "b": {}, "c": {"x": ("a", 0), "y": ("b", 0)}}, {"c"}))
    scheduler.next()
    scheduler.handle(NodeFailed("b"))
    assert scheduler.next() == scheduler.next() == EndPrompt(Outcome.ERROR, ("b",))


def test_an_interrupt_ends_the_prompt_where_it_was_noticed() -> None:
    scheduler = start(Graph(chain("a", "b"), {"b"}))
    scheduler.next()
    scheduler.handle(PromptInterrupted("a"))
    assert scheduler.next() == EndPrompt(Outcome.INTERRUPTED, ("a",))


def test_a_link_to_nowhere_is_an_error_of_the_planner() -> None:
    with pytest.raises(NodeNotFoundError) as caught:
        start(Graph({"out": {"x": ("ghost", 0)}}, {"out"}))
    assert caught.value.node_id == "ghost"


def test_an_illegal_move_tells_the_story_of_the_node() -> None:
    scheduler = start(Graph(chain("a", "b"), {"b"}))
    scheduler.next()
    scheduler.handle(NodeFinished("a"))
    with pytest.raises(InvariantError) as caught:
        scheduler.handle(NodeFinished("a"))
    assert caught.value.node_id == "a"
    assert caught.value.story == ("inputs ready->ready;", "started->opening;", "finished->finished;")


def test_one_source_for_many_inputs_of_one_node_is_waited_for_once_each() -> None:
    graph = Graph({"a": {}, "b": {"x": ("a", 0), "y": ("a", 1), "z": ("a", 0)}}, {"b"})
    assert opened(drain(start(graph))) == ["a", "b"]


def test_a_result_is_free_when_its_last_consumer_is_finished() -> None:
    links = {"a": {}, "b": {"x": ("a", 0)}, "c": {"x": ("a", 0)}, "out": {"x": ("b", 0), "y?": ("c", 0)}}
    scheduler = start(Graph(links, {"out", "c"}), "out", "c")
    freed = {}
    while isinstance(instruction := scheduler.next(), OpenNode):
        scheduler.handle(NodeFinished(instruction.node_id))
        freed[instruction.node_id] = set(scheduler.take_free())
    assert freed == {"a": set(), "b": set(), "c": {"a"}, "out": {"b", "c", "out"}} or freed == {
        "a": set(),
        "c": set(),
        "b": {"a"},
        "out": {"b", "c", "out"},
    }


def test_a_result_that_was_given_up_is_made_again_for_an_expansion_that_asks_for_it() -> None:
    graph = Graph({"a": {}, "p": {"x": ("a", 0)}, "mid": {"x": ("a", 0)}, "q": {"x": ("mid", 0)}}, {"p", "q"})
    scheduler = start(graph, "q", "p")
    order = []
    while isinstance(instruction := scheduler.next(), OpenNode | CollectExpansion):
        order.append(instruction.node_id)
        if order[-1] == "p" and order.count("p") == 1:
            graph.done.clear()  # nothing is kept beyond its use, and all were used
            graph.links["p.1"] = {"x": ("a", 0)}
            scheduler.handle(NodeExpanded("p", (("p.1", 0),)))
        else:
            scheduler.handle(NodeFinished(order[-1]))
        scheduler.validate()
    assert instruction == EndPrompt(Outcome.SUCCESS)
    assert order[-4:] == ["a", "p.1", "p", "q"] or order[-3:] == ["a", "p.1", "p"]


def test_ten_thousand_nodes_deep_is_no_depth() -> None:
    ids = [str(i) for i in range(10_000)]
    scheduler = start(Graph(chain(*ids), {ids[-1]}))
    count = 0
    while isinstance(instruction := scheduler.next(), OpenNode):
        scheduler.handle(NodeFinished(instruction.node_id))
        count += 1
    assert count == len(ids)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(1, 12))
    links: dict[str, dict[str, tuple[str, int]]] = {}
    for i in range(size):
        sources = draw(st.lists(st.integers(0, size - 1), max_size=3))
        lazy = draw(st.booleans())
        links[str(i)] = {f"in{k}{'?' if lazy else ''}": (str(s), 0) for k, s in enumerate(sources) if s != i}
    some = st.sets(st.sampled_from(sorted(links)))
    return Graph(links, draw(some) | {"0"}, asyncs=draw(some), cached=draw(some))


@settings(max_examples=200, deadline=None)
@given(graphs(), st.randoms(use_true_random=False), st.booleans())
def test_any_graph_ends_and_opens_each_node_at_most_once_per_visit(
    graph: Graph, random: object, forgets: bool
) -> None:
    scheduler = start(graph)
    asked: set[str] = set()
    finished: list[str] = []
    running: list[str] = []
    regions = []
    for _ in range(1000):
        if forgets:
            graph.done.difference_update(scheduler.take_free())
        instruction = scheduler.next()
        scheduler.validate()
        if isinstance(instruction, EndPrompt):
            break
        match instruction:
            case OpenNode(node_id):
                running.append(node_id)
            case DriveRegion(node_ids):
                regions.append(node_ids)
                scheduler.handle(RegionFinished(node_ids))
                finished += node_ids
                continue
        node_id = running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
        lazy = tuple(name for name in graph.links[node_id] if name.endswith("?"))
        if lazy and node_id not in asked and node_id not in graph.cached:
            asked.add(node_id)
            scheduler.handle(InputsRequested(node_id, lazy))
        elif random.random() < 0.3:  # type: ignore[attr-defined]
            scheduler.handle(NodeOpened(node_id, frozenset({0}) if random.random() < 0.3 else frozenset()))  # type: ignore[attr-defined]
        else:
            finished.append(node_id)
            scheduler.handle(NodeFinished(node_id))
    else:
        pytest.fail("no end")
    assert len(finished) == len(set(finished))
    if instruction.outcome is Outcome.SUCCESS:
        assert graph.outputs <= set(finished)
    else:
        assert instruction.outcome is Outcome.CYCLE
        assert instruction.node_ids
