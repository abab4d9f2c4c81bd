"""Which ordinary nodes form chains: pure, on graphs of names."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_execution.graph import Dependency
from comfy_execution.node_runner import CallPlan
from comfy_execution.node_spec import InputSpec, NodeSpec, OutputSpec
from comfy_execution.streaming.contract import StreamRoles
from comfy_execution.streaming.fusion import Fusion
from comfy_execution.streaming.planner import MAX_DEPTH, Left, plan_chains
from comfy_execution.streaming.policy import StreamMode, StreamPolicy

ROLES: dict[str, dict[str, Any]] = {
    "source": {"opens": True},
    "scale": {"frame_wise": ("image",)},
    "blend": {"frame_wise": ("image", "other")},
    "save": {"drains": True, "stream_inputs": ("image",)},
}


def spec(kind: str, **more: Any) -> NodeSpec:
    roles = StreamRoles(**ROLES[kind]) if kind in ROLES else None
    outputs = (
        OutputSpec("STRING" if kind in ("save", "text") else "IMAGE", "out"),
        OutputSpec("INT", "count"),
    )
    names = ("image", "other", "text")
    inputs = {name: InputSpec(name, "STRING" if name == "text" else "IMAGE") for name in names}
    return NodeSpec(kind, object, None, inputs, outputs, streams=roles, **more)


class Graph:
    """Nodes `name: "kind input=source[:slot] input~=lazy source"`."""

    def __init__(
        self, cached: tuple[str, ...] = (), specs: dict[str, NodeSpec] | None = None, **nodes: str
    ) -> None:
        self.cached, self.specs = cached, specs or {}
        self.kinds, self.links = {}, {}
        for name, text in nodes.items():
            kind, *links = text.split()
            self.kinds[name] = kind
            self.links[name] = []
            for link in links:
                key, source = link.split("=")
                source, _, slot = source.partition(":")
                self.links[name].append(
                    Dependency(key.rstrip("~"), source, int(slot or 0), key.endswith("~"))
                )

    def dependencies(self, node_id: str) -> list[Dependency]:
        return self.links[node_id]

    def spec(self, node_id: str) -> NodeSpec:
        return self.specs.get(node_id) or spec(self.kinds[node_id])

    def has_values(self, node_id: str) -> bool:
        return node_id in self.cached

    def constants(self, node_id: str) -> dict[str, Any]:
        return {}


def plan(*outputs: str, **graph: Any) -> Any:
    return plan_chains(Graph(**graph), outputs)


def test_a_straight_chain():
    found = plan("c", a="source", b="scale image=a", c="save image=b")
    assert set(found.chain_of) == {"a", "b", "c"} and len(set(found.chain_of.values())) == 1
    assert found.below("a") == ["a", "b", "c"] and found.left == {}


@pytest.mark.parametrize(
    ("graph", "outputs", "left"),
    [
        ({"a": "source", "b": "scale image=a"}, ("b",), {"a": Left.OUTSIDE_READER, "b": Left.NO_READER}),
        ({"a": "source", "b": "plain image=a"}, ("b",), {"a": Left.OUTSIDE_READER}),
        (
            {"a": "source", "b": "scale image=a", "c": "save image=b", "d": "plain image=a"},
            ("c", "d"),
            {"a": Left.OUTSIDE_READER},
        ),
        (
            {"a": "source", "b": "scale image=a", "c": "save image=b", "d": "text text=b:1"},
            ("c", "d"),
            {"b": Left.EXTRA_OUTPUT, "a": Left.OUTSIDE_READER, "c": Left.ALONE},
        ),
        ({"a": "plain", "c": "save image=a"}, ("c",), {"c": Left.ALONE}),
        ({"a": "source", "c": "save image~=a"}, ("c",), {"a": Left.OUTSIDE_READER, "c": Left.ALONE}),
    ],
)
def test_who_leaves_and_why(graph, outputs, left):
    assert plan(*outputs, **graph).left == left


def test_a_late_value_that_returns_is_left_ordinary():
    found = plan(
        "c",
        "f",
        a="source",
        b="scale image=a",
        c="save image=b",
        d="text text=c",
        e="scale image=a text=d",
        f="save image=e",
    )
    assert found.left["c"] is Left.RETURNS
    assert "c" not in found.chain_of and "e" in found.chain_of


def test_a_late_value_that_goes_to_another_chain_does_not_return():
    found = plan(
        "c", "f", a="source", b="scale image=a", c="save image=b", d="source text=c", f="save image=d"
    )
    assert found.left == {} and found.chain_of["a"] != found.chain_of["d"]


def test_cached_nodes_are_outside():
    found = plan("c", a="source", b="scale image=a", c="save image=b", cached=("a",))
    assert set(found.chain_of) == {"b", "c"}
    assert plan("c", a="source", b="scale image=a", c="save image=b", cached=("c",)).chain_of == {}


def test_readers_that_do_not_run_do_not_count():
    found = plan("c", a="source", b="scale image=a", c="save image=b", d="plain image=a")
    assert set(found.chain_of) == {"a", "b", "c"}


def test_nodes_that_take_whole_lists_stay_ordinary():
    listed = spec("scale", input_is_list=True)
    found = plan("c", a="source", b="scale image=a", c="save image=b", specs={"b": listed})
    assert found.left["b"] is Left.LISTS and found.chain_of == {}


def test_two_chains_have_two_numbers():
    found = plan("c", "f", a="source", b="scale image=a", c="save image=b", d="source", f="save image=d")
    assert len(set(found.chain_of.values())) == 2


@pytest.mark.parametrize(
    ("num_nodes", "is_chain"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (5000, False)]
)
def test_a_chain_deeper_than_pulls_can_nest_stays_ordinary(num_nodes, is_chain):
    graph = {"n0": "source"}
    graph |= {f"n{i}": f"scale image=n{i - 1}" for i in range(1, num_nodes - 1)}
    last = f"n{num_nodes - 1}"
    graph[last] = f"save image=n{num_nodes - 2}"
    found = plan(last, **graph)
    assert len(found.chain_of) == (num_nodes if is_chain else 0)
    assert set(found.left.values()) == (set() if is_chain else {Left.TOO_DEEP})


def test_a_wide_fan_is_not_deep():
    graph = {"a": "source"} | {f"s{i}": "save image=a" for i in range(3 * MAX_DEPTH)}
    found = plan(*(name for name in graph if name != "a"), **graph)
    assert len(found.chain_of) == len(graph)
    assert found.below("a")[0] == "a" and len(found.below("a")) == len(graph)


class Unreadable(Graph):
    """A graph with a class that raises when it is read."""

    def spec(self, node_id: str) -> NodeSpec:
        if self.kinds[node_id] == "broken":
            raise ValueError("cannot describe itself")
        return super().spec(node_id)


@pytest.mark.parametrize("other", ["broken", "source"])
def test_a_graph_that_cannot_be_read_whole_is_not_streamed(other, caplog):
    view = Unreadable(a="source", b="scale image=a", c="save image=b other~=d", d=other)
    fusion = Fusion(view, StreamPolicy(mode=StreamMode.ALWAYS))
    fusion.begin(["c"])
    call = CallPlan("p", "a", view.spec("a"), None, {})
    assert fusion.streams(call, {}) is (other == "source")
    assert ("cannot describe itself" in caplog.text) is (other == "broken")
