"""Laws that hold for any graph: the engine never raises, and its messages come in pairs.

Every node sends at most one terminal message, every `executing` is followed by that node's end or by the prompt's, and
history says the same as the messages did.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from engine_harness import RecordingSink, new_registry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comfy_execution.caching.modes import CacheType
from comfy_execution.executor import PromptExecutor
from comfy_execution.graph_utils import ExecutionBlocker, GraphBuilder
from comfy_execution.queue import PromptQueue
from comfy_execution.validation import validate_prompt
from comfy_execution.worker import run_item

CLIENT = "client"
ANY = ("*", {})


def node_class(run: Any, *, output: bool = False, **attributes: Any) -> type:
    optional = {name: ("*", {"lazy": True} if attributes.get("lazy") else {}) for name in ("a", "b")}
    fields = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": {"v": ANY}, "optional": optional}),
        "RETURN_TYPES": () if output else ("*", "*"),
        "FUNCTION": "run",
        "OUTPUT_NODE": output,
        "run": run,
    }
    return type("Made", (), fields | attributes)


async def wait_a_turn(self: object, v: Any, a: Any = None, b: Any = None) -> tuple[Any, Any]:
    await asyncio.sleep(0)
    return (v, a)


def grow(self: object, v: Any, a: Any = None, b: Any = None) -> dict[str, Any]:
    graph = GraphBuilder()
    inner = graph.node("Pass", v=v, a=a)
    graph.node("Show", v=inner.out(0))
    return {"result": (inner.out(0), 5), "expand": graph.finalize()}


def tangle(self: object, v: Any, a: Any = None, b: Any = None) -> dict[str, Any]:
    graph = GraphBuilder()
    one, two = graph.node("Pass", v=1), graph.node("Pass", v=1)
    one.set_input("a", two.out(0))
    two.set_input("a", one.out(0))
    return {"result": (one.out(0), two.out(1)), "expand": graph.finalize()}


def fail(self: object, v: Any, a: Any = None, b: Any = None) -> tuple[Any, Any]:
    raise ValueError(v)


def never(cls: type, v: Any = None, a: Any = None, b: Any = None) -> float:
    return float("nan")


CLASSES: dict[str, type] = {
    "Pass": node_class(lambda self, v, a=None, b=None: (v, a)),
    "Listed": node_class(lambda self, v, a=None, b=None: ([1, 2], []), OUTPUT_IS_LIST=(True, True)),
    "Whole": node_class(lambda self, v, a=None, b=None: (len(v), a), INPUT_IS_LIST=True),
    "Block": node_class(lambda self, v, a=None, b=None: (ExecutionBlocker(None), ExecutionBlocker("no"))),
    "Later": node_class(wait_a_turn),
    "Lazy": node_class(
        lambda self, v, a=None, b=None: (v, a),
        lazy=True,
        check_lazy_status=lambda self, v, a=None, b=None: ["a"],
    ),
    "Grow": node_class(grow),
    "Tangle": node_class(tangle),
    "Fail": node_class(fail),
    "Volatile": node_class(lambda self, v, a=None, b=None: (v, a), IS_CHANGED=classmethod(never)),
    "Show": node_class(lambda self, v, a=None, b=None: {"ui": {"text": [str(v)]}}, output=True),
    "ShowBoth": node_class(
        lambda self, v, a=None, b=None: {"ui": {"text": [v]}, "result": (v, a)},
        output=True,
        RETURN_TYPES=("*", "*"),
    ),
}
WEIGHTS = [*CLASSES, "Pass", "Pass", "Show", "Show", "Later"]
SIZE = 8


@st.composite
def prompts(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly links to earlier nodes, now and then one to any node; the last ones are always shown."""
    size = draw(st.integers(1, SIZE))
    prompt: dict[str, Any] = {}
    for i in range(size):
        reach = SIZE - 1 if draw(st.integers(0, 19)) == 0 else i - 1
        links = st.tuples(st.integers(0, reach).map(str), st.integers(0, 1)).map(list)
        value = links | st.integers(0, 2) if reach >= 0 else st.integers(0, 2)
        given_inputs = draw(st.dictionaries(st.sampled_from(["v", "a", "b"]), value, max_size=3))
        kind = draw(st.sampled_from(WEIGHTS))
        prompt[str(i)] = {"class_type": kind, "inputs": {"v": i % 3, **given_inputs}}
    for i in (size - 1, size // 2):
        if CLASSES[prompt[str(i)]["class_type"]].RETURN_TYPES:  # type: ignore[attr-defined]
            prompt[f"show{i}"] = {"class_type": "Show", "inputs": {"v": [str(i), 0]}}
    return prompt


def play(
    sink: RecordingSink, queue: PromptQueue, executor: PromptExecutor, prompt: Any, name: str
) -> list[Any] | None:
    """Messages of one prompt, None when validation refused it."""
    ok, _, outputs, _ = asyncio.run(validate_prompt(name, prompt, None, executor._registry))
    if not ok:
        return None
    queue.put((0, name, prompt, {"client_id": CLIENT}, outputs))
    taken = queue.get()
    assert taken is not None
    run_item(queue, executor, sink, *taken)
    messages = []
    while not sink.inbox.empty():
        messages.append(sink.inbox.get())
    return messages


def check_laws(messages: list[Any], entry: dict[str, Any]) -> None:
    kinds = [message.get("type") for message in messages]
    ends = [kind for kind in kinds if kind in ("execution_success", "execution_interrupted")]
    errors = [
        message["data"]
        for message in messages
        if message.get("type") == "execution_error"
        and message["data"]["exception_type"] != "ExecutionBlocked"
    ]
    assert len(ends) + len(errors) == 1
    assert messages[-1]["data"]["node"] is None
    assert kinds[-2] == "status"

    started, executed = [], []
    for message in messages[:-1]:
        if message.get("type") == "executing":
            started.append(message["data"]["node"])
        elif message.get("type") == "executed":
            executed.append(message["data"]["node"])
    assert len(executed) == len(set(executed))
    states = [message["data"]["nodes"] for message in messages if message.get("type") == "progress_state"]
    last = {node_id: state["state"] for node_id, state in states[-1].items()} if states else {}
    assert set(started) <= set(last)
    if not errors:
        assert set(last.values()) <= {"finished"}
    for before, after in itertools.pairwise(states):
        for node_id, state in before.items():
            if state["state"] == "finished":
                assert after[node_id]["state"] == "finished"
    assert set(entry["outputs"]) == {node_id for node_id in executed if entry["outputs"].get(node_id)}
    is_cycle = bool(errors) and errors[0]["exception_type"] == "graph.DependencyCycleError"
    assert entry["status"]["completed"] is (not errors or is_cycle)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(prompts(), min_size=1, max_size=3), st.sampled_from(CacheType))
def test_any_graphs_one_after_another_keep_the_laws(sequence: list[Any], mode: CacheType) -> None:
    sink = RecordingSink(CLIENT)
    registry = new_registry(CLASSES)
    queue = PromptQueue(sink)
    executor = PromptExecutor(sink, mode, {"lru": 3}, registry=registry)
    try:
        for i, prompt in enumerate(sequence):
            messages = play(sink, queue, executor, prompt, f"p{i}")
            if messages is not None:
                check_laws(messages, queue.get_history(f"p{i}")[f"p{i}"])
    finally:
        executor.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompts())
def test_a_good_graph_shows_the_same_outputs_from_the_cache(prompt: Any) -> None:
    sink = RecordingSink(CLIENT)
    queue = PromptQueue(sink)
    executor = PromptExecutor(sink, CacheType.CLASSIC, registry=new_registry(CLASSES))
    try:
        shown = []
        for name in ("first", "second"):
            if play(sink, queue, executor, prompt, name) is None:
                return
            entry = queue.get_history(name)[name]
            if not executor.success:
                return  # what was shown before the error depends on what was cached
            shown.append({node_id: ui for node_id, ui in entry["outputs"].items() if node_id in prompt})
        assert shown[0] == shown[1]
    finally:
        executor.close()
