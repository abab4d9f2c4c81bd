"""The driver with real node classes: what runs, in which context, and how every ending looks."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
from engine_harness import Bench, RecordingSink, new_registry

from comfy.interruption import InterruptProcessingException, interrupt_current_processing
from comfy_execution.caching.modes import CacheType
from comfy_execution.context import get_executing_context
from comfy_execution.errors import InvariantError
from comfy_execution.graph_utils import ExecutionBlocker, GraphBuilder
from comfy_execution.scheduler import Scheduler

CLIENT = "client"


def node_class(
    required: dict[str, Any], run: Any, returns: tuple[Any, ...] = ("*",), **attributes: Any
) -> type:
    more = attributes.pop("more", {})
    fields = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": required, **more}),
        "RETURN_TYPES": returns,
        "FUNCTION": "run",
        "run": run,
    }
    return type("Made", (), fields | attributes)


def raiser(error: BaseException) -> Any:
    def run(self: object, value: Any) -> Any:
        raise error

    return run


ANY = {"value": ("*", {})}
BASE: dict[str, type] = {
    "Const": node_class(ANY, lambda self, value: (value,)),
    "Double": node_class(ANY, lambda self, value: (value * 2,)),
    "List": node_class(ANY, lambda self, value: (list(range(value)),), OUTPUT_IS_LIST=(True,)),
    "Show": node_class(ANY, lambda self, value: {"ui": {"text": [str(value)]}}, (), OUTPUT_NODE=True),
}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def bench(cache: CacheType = CacheType.CLASSIC, **classes: type) -> Bench:
    return Bench(new_registry({**BASE, **classes}), RecordingSink(CLIENT), cache)


def texts(entry: dict[str, Any]) -> dict[str, list[str]]:
    return {node_id: ui["text"] for node_id, ui in entry["outputs"].items()}


def of_type(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [message["data"] for message in messages if message.get("type") == kind]


def ran(messages: list[dict[str, Any]]) -> list[str]:
    return [data["node"] for data in of_type(messages, "executing") if data["node"] is not None]


def test_a_function_knows_its_prompt_node_and_list_index() -> None:
    seen = []

    def run(self: object, value: int) -> tuple[int]:
        seen.append(get_executing_context())
        return (value,)

    with bench(Look=node_class(ANY, run)) as engine:
        entry, _ = engine.run(
            {"1": node("List", value=2), "2": node("Look", value=["1", 0]), "3": node("Show", value=["2", 0])}
        )
    prompt_id = entry["prompt"][1]
    assert [tuple(context) for context in seen] == [(prompt_id, "2", 0), (prompt_id, "2", 1)]
    assert get_executing_context() is None


def test_async_nodes_know_their_own_node_while_they_run_side_by_side() -> None:
    meeting = []

    async def run(self: object, value: int) -> tuple[Any]:
        meeting.append(get_executing_context())
        while len(meeting) < 2:
            await asyncio.sleep(0)
        return (get_executing_context().node_id,)

    add = node_class({"a": ("*", {}), "b": ("*", {})}, lambda self, a, b: (a + b,))
    with bench(Meet=node_class(ANY, run), Add=add) as engine:
        prompt = {
            "a": node("Meet", value=1),
            "b": node("Meet", value=2),
            "sum": node("Add", a=["a", 0], b=["b", 0]),
            "show": node("Show", value=["sum", 0]),
        }
        entry, _ = engine.run(prompt)
    assert texts(entry) == {"show": ["ab"]}


def test_an_interrupt_reaches_a_waiting_async_node_and_cancels_it() -> None:
    cancelled = threading.Event()

    async def run(self: object, value: int) -> tuple[int]:
        interrupt_current_processing()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return (value,)

    with bench(Forever=node_class(ANY, run)) as engine:
        prompt = {"1": node("Forever", value=1), "2": node("Show", value=["1", 0])}
        entry, messages = engine.run(prompt)
        again, _ = engine.run({"2": node("Show", value=5)})
    assert cancelled.is_set()
    [interrupted] = of_type(messages, "execution_interrupted")
    assert (interrupted["node_id"], interrupted["node_type"]) == ("1", "Forever")
    assert entry["status"]["completed"] is False
    assert texts(again) == {"2": ["5"]}


def test_an_error_cancels_the_async_nodes_that_still_run() -> None:
    cancelled = threading.Event()

    async def forever(self: object, value: int) -> tuple[int]:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return (value,)

    add = node_class({"a": ("*", {}), "b": ("*", {})}, lambda self, a, b: (a + b,))
    classes = {
        "Forever": node_class(ANY, forever),
        "Raise": node_class(ANY, raiser(ValueError("no"))),
        "Add": add,
    }
    with bench(**classes) as engine:
        prompt = {
            "a": node("Forever", value=1),
            "b": node("Raise", value=2),
            "c": node("Add", a=["a", 0], b=["b", 0]),
            "d": node("Show", value=["c", 0]),
        }
        entry, messages = engine.run(prompt)
    assert cancelled.is_set()
    assert entry["status"]["status_str"] == "error"
    assert of_type(messages, "execution_error")[0]["node_id"] == "b"


def test_an_interrupt_while_idle_does_not_stop_the_next_prompt() -> None:
    with bench() as engine:
        interrupt_current_processing()
        entry, _ = engine.run({"1": node("Show", value=1)})
    assert entry["status"]["completed"] is True


def test_a_node_that_raises_the_interrupt_itself_ends_the_prompt_as_interrupted() -> None:
    with bench(Stop=node_class(ANY, raiser(InterruptProcessingException()))) as engine:
        entry, _ = engine.run({"1": node("Stop", value=1), "2": node("Show", value=["1", 0])})
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"


class OddError(BaseException):
    """Foreign code raises what it likes."""


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), OddError(), RecursionError("deep")],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_nothing_that_a_node_raises_ends_the_engine(error: BaseException, is_async: bool) -> None:
    run = raiser(error)

    async def run_async(self: object, value: Any) -> Any:
        await asyncio.sleep(0)
        return run(self, value)

    with bench(Odd=node_class(ANY, run_async if is_async else run)) as engine:
        entry, _ = engine.run({"1": node("Odd", value=1), "2": node("Show", value=["1", 0])})
        after, _ = engine.run({"2": node("Show", value=2)})
    assert entry["status"]["status_str"] == "error"
    assert entry["status"]["messages"][-1][1]["node_id"] == "1"
    assert after["status"]["completed"] is True


@pytest.mark.parametrize("returned", [7, object(), (), {"result": None}, {"ui": {}}, None])
def test_odd_results_are_an_error_or_none_but_never_a_crash(returned: Any) -> None:
    with bench(Odd=node_class(ANY, lambda self, value: returned, ("*", "*"))) as engine:
        entry, _ = engine.run({"1": node("Odd", value=1), "2": node("Show", value=["1", 1])})
    assert entry["status"]["status_str"] in ("success", "error")


def test_a_text_returned_bare_is_no_tuple_of_letters_by_accident() -> None:
    with bench(Odd=node_class(ANY, lambda self, value: "xyz", ("*",))) as engine:
        entry, _ = engine.run({"1": node("Odd", value=1), "2": node("Show", value=["1", 0])})
    assert texts(entry) == {"2": ["x"]}  # as the peer does: the first item of what was returned


def test_equal_nodes_of_one_prompt_run_once() -> None:
    calls = []

    def run(self: object, value: int) -> tuple[int]:
        calls.append(value)
        return (value,)

    add = node_class({"a": ("*", {}), "b": ("*", {})}, lambda self, a, b: (a + b,))
    with bench(Count=node_class(ANY, run), Add=add) as engine:
        prompt = {
            "a": node("Count", value=4),
            "b": node("Count", value=4),
            "c": node("Add", a=["a", 0], b=["b", 0]),
            "d": node("Show", value=["c", 0]),
        }
        entry, messages = engine.run(prompt)
    assert calls == [4]
    assert texts(entry) == {"d": ["8"]}
    finished = of_type(messages, "progress_state")[-1]["nodes"]
    assert {node_id: state["state"] for node_id, state in finished.items()} == dict.fromkeys(
        "abcd", "finished"
    )


def test_renamed_nodes_are_found_in_the_cache() -> None:
    with bench() as engine:
        engine.run({"1": node("Const", value=4), "2": node("Show", value=["1", 0])})
        entry, messages = engine.run({"x": node("Const", value=4), "y": node("Show", value=["x", 0])})
    assert of_type(messages, "execution_cached")[0]["nodes"] == ["x", "y"]
    assert entry["meta"]["y"]["node_id"] == "y"


def test_without_a_cache_everything_runs_again_on_fresh_objects() -> None:
    class Counter:
        RETURN_TYPES = ("*",)
        FUNCTION = "run"
        INPUT_TYPES = classmethod(lambda cls: {"required": ANY})

        def __init__(self) -> None:
            self.count = 0

        def run(self, value: int) -> tuple[int]:
            self.count += 1
            return (self.count,)

    prompt = {"1": node("Counter", value=1), "2": node("Show", value=["1", 0])}
    with bench(CacheType.NONE, Counter=Counter) as engine:
        results = [texts(engine.run(prompt)[0]) for _ in range(2)]
    assert results == [{"2": ["1"]}] * 2


def test_the_lru_cache_remembers_the_prompt_before_the_last() -> None:
    first = {"1": node("Const", value=1), "2": node("Show", value=["1", 0])}
    second = {"1": node("Const", value=2), "2": node("Show", value=["1", 0])}
    registry = new_registry(BASE)
    with Bench(registry, RecordingSink(CLIENT), CacheType.LRU, lru=10) as engine:
        engine.run(first)
        engine.run(second)
        assert ran(engine.run(first)[1]) == []


def test_every_list_element_expands_on_its_own_and_results_are_joined() -> None:
    def run(self: object, value: int) -> dict[str, Any]:
        graph = GraphBuilder()
        twice = graph.node("Double", value=value)
        return {"result": (twice.out(0),), "expand": graph.finalize()}

    prompt = {
        "1": node("List", value=3),
        "2": node("Grow", value=["1", 0]),
        "3": node("Show", value=["2", 0]),
    }
    with bench(Grow=node_class(ANY, run)) as engine:
        entry, messages = engine.run(prompt)
    assert texts(entry) == {"3": ["0", "2", "4"]}
    assert {"2.0.0.1", "2.1.0.1", "2.2.0.1"} <= set(ran(messages))


def test_two_graphs_of_one_call_do_not_share_ids() -> None:
    def run(self: object, value: int) -> dict[str, Any]:
        one, two = GraphBuilder(), GraphBuilder()
        first = one.node("Double", value=value)
        second = two.node("Double", value=first.out(0))
        return {"result": (second.out(0),), "expand": one.finalize() | two.finalize()}

    prompt = {"1": node("Grow", value=3), "2": node("Show", value=["1", 0])}
    with bench(Grow=node_class(ANY, run)) as engine:
        entry, messages = engine.run(prompt)
    assert texts(entry) == {"2": ["12"]}
    assert {"1.0.0.1", "1.0.1.1"} <= set(ran(messages))


def test_an_error_inside_an_expansion_names_the_node_that_was_sent() -> None:
    def run(self: object, value: int) -> dict[str, Any]:
        graph = GraphBuilder()
        bad = graph.node("Raise", value=value)
        return {"result": (bad.out(0),), "expand": graph.finalize()}

    classes = {"Grow": node_class(ANY, run), "Raise": node_class(ANY, raiser(ValueError("inner")))}
    with bench(**classes) as engine:
        entry, _ = engine.run({"1": node("Grow", value=3), "2": node("Show", value=["1", 0])})
    report = entry["status"]["messages"][-1][1]
    assert (report["node_id"], report["node_type"], report["exception_message"]) == ("1", "Grow", "inner\n")


@pytest.mark.parametrize(
    "graph",
    [
        {"g": {"class_type": "NoSuch", "inputs": {}}},
        {"g": {"class_type": "Double", "inputs": {"value": ["ghost", 0]}}},
        {"g": {"class_type": "Double"}},
        {"g": None},
        {"other": {"class_type": "Double", "inputs": {"value": 1}}},
    ],
)
def test_a_graph_that_cannot_run_is_an_error_of_the_node_that_made_it(graph: Any) -> None:
    def run(self: object, value: int) -> dict[str, Any]:
        return {"result": (["g", 0],), "expand": graph}

    with bench(Grow=node_class(ANY, run)) as engine:
        entry, _ = engine.run({"1": node("Grow", value=3), "2": node("Show", value=["1", 0])})
    assert entry["status"]["messages"][-1][1]["node_id"] == "1"
    assert entry["status"]["status_str"] == "error"


def test_an_unchanged_part_of_a_changed_expansion_is_not_run_again() -> None:
    calls = []

    def slow(self: object, value: int) -> tuple[int]:
        calls.append(value)
        return (value,)

    def run(self: object, value: int, tail: int) -> dict[str, Any]:
        graph = GraphBuilder()
        head = graph.node("Slow", value=value)
        end = graph.node("Add", a=head.out(0), b=tail)
        return {"result": (end.out(0),), "expand": graph.finalize()}

    add = node_class({"a": ("*", {}), "b": ("*", {})}, lambda self, a, b: (a + b,))
    volatile = classmethod(lambda cls, value, tail: 0)
    grow = node_class({"value": ("*", {}), "tail": ("*", {})}, run, IS_CHANGED=volatile)
    prompt = {"1": node("Grow", value=3, tail=1), "2": node("Show", value=["1", 0])}
    with bench(Grow=grow, Slow=node_class(ANY, slow), Add=add) as engine:
        engine.run(prompt)
        engine.run({**prompt, "2": node("Show", value=1)})
        engine.run(prompt)
    assert calls == [3]


def test_a_loop_of_a_thousand_expansions_needs_no_recursion() -> None:
    def run(self: object, n: int, acc: int) -> Any:
        if n == 0:
            return (acc,)
        graph = GraphBuilder(prefix=f"step{n}.")
        again = graph.node("Loop", n=n - 1, acc=acc + n)
        return {"result": (again.out(0),), "expand": graph.finalize()}

    loop = node_class({"n": ("INT", {}), "acc": ("INT", {})}, run)
    prompt = {"1": node("Loop", n=sys.getrecursionlimit(), acc=0), "2": node("Show", value=["1", 0])}
    with bench(Loop=loop) as engine:
        entry, _ = engine.run(prompt)
    n = sys.getrecursionlimit()
    assert texts(entry) == {"2": [str(n * (n + 1) // 2)]}


def test_hidden_values_reach_list_nodes_in_lists() -> None:
    def run(self: object, value: list[int], uid: list[str], meta: list[Any]) -> dict[str, Any]:
        return {"ui": {"text": [repr((value, uid, meta))]}}

    hidden = {"hidden": {"uid": "UNIQUE_ID", "meta": "EXTRA_PNGINFO"}}
    show = node_class(ANY, run, (), INPUT_IS_LIST=True, OUTPUT_NODE=True, more=hidden)
    with bench(ShowAll=show) as engine:
        entry, _ = engine.run({"9": node("ShowAll", value=1)}, extra_data={"extra_pnginfo": {"w": 1}})
    assert texts(entry) == {"9": ["([1], ['9'], [{'w': 1}])"]}


def test_a_blocker_with_a_text_is_shown_once_and_passed_on_silently() -> None:
    block = node_class(ANY, lambda self, value: ExecutionBlocker("halt"))
    prompt = {
        "1": node("Block", value=1),
        "2": node("Double", value=["1", 0]),
        "3": node("Show", value=["2", 0]),
    }
    with bench(Block=block) as engine:
        entry, messages = engine.run(prompt)
    assert [data["node_id"] for data in of_type(messages, "execution_error")] == ["2"]
    assert entry["status"]["completed"] is True
    assert entry["outputs"] == {}


def test_a_slot_that_the_source_lacks_names_node_and_input() -> None:
    registry = new_registry(BASE)
    sink = RecordingSink(CLIENT)
    with Bench(registry, sink) as engine:
        prompt = {"1": node("Const", value=1), "2": node("Show", value=["1", 4])}
        engine.queue.put((0, "p", prompt, {"client_id": CLIENT}, ["2"]))  # past validation
        while sink.inbox.get(timeout=30) != {"type": "executing", "data": {"node": None, "prompt_id": "p"}}:
            pass
        report = engine.queue.get_history("p")["p"]["status"]["messages"][-1][1]
    assert report["exception_type"] == "comfy_execution.errors.NodeInputError"
    assert report["exception_message"].startswith("Node 2 input 'value'")


def test_intermediate_results_of_cached_nodes_are_shown_again_at_the_end() -> None:
    def run(self: object, value: int) -> dict[str, Any]:
        return {"ui": {"text": [f"half {value}"]}, "result": (value,)}

    peek = node_class(ANY, run, HAS_INTERMEDIATE_OUTPUT=True)
    prompt = {"1": node("Peek", value=1), "2": node("Show", value=["1", 0])}
    with bench(Peek=peek) as engine:
        engine.run(prompt)
        entry, messages = engine.run(prompt)
    assert texts(entry) == {"1": ["half 1"], "2": ["1"]}
    assert [data["node"] for data in of_type(messages, "executed")] == ["2", "1"]


def test_values_that_cannot_be_shown_do_not_hide_the_error() -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    classes = {
        "Mute": node_class(ANY, lambda self, value: (Mute(),)),
        "Raise": node_class(ANY, raiser(ValueError("the real one"))),
    }
    prompt = {
        "1": node("Mute", value=1),
        "2": node("Raise", value=["1", 0]),
        "3": node("Show", value=["2", 0]),
    }
    with bench(**classes) as engine:
        entry, _ = engine.run(prompt)
    report = entry["status"]["messages"][-1][1]
    assert report["exception_message"] == "the real one\n"
    assert report["current_inputs"] == {"value": ["<Mute: its __str__ raised RuntimeError>"]}


def test_what_nobody_receives_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = RecordingSink("somebody else")
    sink.sockets.clear()
    with Bench(new_registry(BASE), sink) as engine:
        done = threading.Event()
        monkeypatch.setattr(sink, "queue_updated", lambda: engine.queue.get_tasks_remaining() or done.set())
        engine.queue.put((0, "p", {"1": node("Show", value=1)}, {}, ["1"]))
        assert done.wait(30)
    assert sink.inbox.empty()
    assert engine.queue.get_history("p")["p"]["status"]["completed"] is True


def test_a_pack_that_breaks_execute_does_not_stop_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as engine:
        with monkeypatch.context() as patch:
            patch.setattr(engine.executor, "execute", lambda *_: 1 / 0)
            patch.setattr(engine.sink, "client_id", CLIENT)
            entry, _ = engine.run({"1": node("Show", value=1)})
        after, _ = engine.run({"1": node("Show", value=1)})
    assert entry["status"]["status_str"] == "error"
    assert after["status"]["completed"] is True


def test_an_interrupt_during_a_change_check_still_stops_the_prompt() -> None:
    def changed(cls: type, value: int) -> float:
        interrupt_current_processing()
        raise InterruptProcessingException

    checked = node_class(ANY, lambda self, value: (value,), IS_CHANGED=classmethod(changed))
    with bench(Checked=checked) as engine:
        entry, _ = engine.run({"1": node("Checked", value=1), "2": node("Show", value=["1", 0])})
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"


def test_a_prompt_that_got_past_validation_with_a_link_to_nowhere_fails_alone() -> None:
    sink = RecordingSink(CLIENT)
    with Bench(new_registry(BASE), sink) as engine:
        prompt = {"2": node("Show", value=["ghost", 0])}
        engine.queue.put((0, "p", prompt, {"client_id": CLIENT}, ["2"]))
        while sink.inbox.get(timeout=30) != {"type": "executing", "data": {"node": None, "prompt_id": "p"}}:
            pass
        entry = engine.queue.get_history("p")["p"]
        after, _ = engine.run({"1": node("Show", value=1)})
    assert entry["status"]["status_str"] == "error"
    report = entry["status"]["messages"][-1][1]
    assert (report["node_id"], report["exception_type"]) == (
        "2",
        "comfy_execution.errors.NodeNotFoundError",
    )
    assert after["status"]["completed"] is True


def test_an_error_of_the_engine_itself_ends_the_prompt_and_not_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: Scheduler) -> None:
        raise InvariantError("1", "ready", "nonsense")

    with bench() as engine:
        with monkeypatch.context() as patch:
            patch.setattr(Scheduler, "next", broken)
            entry, _ = engine.run({"1": node("Show", value=1)})
        after, _ = engine.run({"1": node("Show", value=1)})
    assert entry["status"]["messages"][-1][1]["exception_type"] == "comfy_execution.errors.InvariantError"
    assert after["status"]["completed"] is True
