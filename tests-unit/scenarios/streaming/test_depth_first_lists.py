"""Lists that run item by item: same outputs, order, ui and messages per node; only the interleaving differs."""

from __future__ import annotations

import pytest
from stream_bench import StreamBench, node
from stream_nodes import IMAGE, LOG, frames, numbers, v1
from test_caching_and_lists import LISTS

from comfy_execution.graph_utils import GraphBuilder
from comfy_execution.streaming.policy import StreamMode

ORDER: list[str] = []


def noted(name, function):
    def run(self, uid, **inputs):
        ORDER.append(f"{name} {uid}")
        return function(**inputs)

    return run


def show(value, name):
    ORDER[-1] += f"={value}"
    return {"ui": {"files": [f"{name}{value}"]}, "result": (value,)}


def graph_of(value):
    graph = GraphBuilder()
    added = graph.node("plus", a=value, b=100)
    return {"result": (added.out(0),), "expand": graph.finalize()}


CLASSES = {
    **LISTS,
    "plus": v1(("INT",), {"a": "INT", "b": "INT"}, noted("plus", lambda a, b: (a + b,))),
    "show_int": v1(("INT",), {"value": "INT", "name": "STRING"}, noted("show", show), OUTPUT_NODE=True),
    "expands": v1(("INT",), {"value": "INT"}, noted("expands", graph_of)),
    "expands_late": v1(
        ("INT",),
        {"value": "INT"},
        noted("late", lambda value: graph_of(value) if value == 3 else (value + 100,)),
    ),
    "fails_at": v1(("INT",), {"value": "INT"}, noted("fails", lambda value: (6 // (2 - value),))),
    "picture": v1((IMAGE,), {"v": "INT"}, noted("picture", lambda v: (frames([v] * 50),))),
    "keep_int": v1(
        (),
        {"image": IMAGE},
        noted("keep", lambda image: LOG.seen.setdefault("kept", []).append(numbers(image)[0]) or {}),
        OUTPUT_NODE=True,
    ),
}
PROMPT = {
    "1": node("list", values="1 2 3"),
    "2": node("plus", a=["1", 0], b=10),
    "3": node("names", values="x y"),
    "4": node("show_int", value=["2", 0], name=["3", 0]),
}


@pytest.fixture(autouse=True)
def _fresh():
    ORDER.clear()


def messages_of(bench: StreamBench, node_id: str) -> list:
    found = []
    for message in bench.messages:
        data = message.get("data", {})
        if message["type"] in ("executing", "executed") and data["node"] == node_id:
            found.append((message["type"], data.get("output")))
    return found


def test_an_item_travels_to_the_end_before_the_next():
    runs = {}
    for depth_first in (False, True):
        ORDER.clear()
        with StreamBench(CLASSES, depth_first_lists=depth_first) as bench:
            bench.stream(PROMPT)
            runs[depth_first] = (
                list(ORDER),
                [messages_of(bench, i) for i in "1234"],
                bench.history["outputs"],
            )
    assert runs[False][0] == ["plus 2"] * 3 + ["show 4=11", "show 4=12", "show 4=13"]
    assert runs[True][0] == ["plus 2", "show 4=11", "plus 2", "show 4=12", "plus 2", "show 4=13"]
    assert runs[True][1:] == runs[False][1:]
    assert runs[True][2]["4"] == {"files": ["x11", "y12", "y13"]}


def test_results_are_cached_as_ever():
    with StreamBench(CLASSES, depth_first_lists=True) as bench:
        bench.stream(PROMPT)
        ORDER.clear()
        bench.stream({**PROMPT, "4": node("show_int", value=["2", 0], name="z")})
        assert ORDER == ["show 4=11", "show 4=12", "show 4=13"]


def test_a_node_that_expands_ends_the_chain():
    prompt = {
        **PROMPT,
        "5": node("expands", value=["2", 0]),
        "6": node("show_int", value=["5", 0], name="e"),
    }
    with StreamBench(CLASSES, depth_first_lists=True) as bench:
        bench.stream(prompt)
        assert bench.history["outputs"]["6"] == {"files": ["e111", "e112", "e113"]}


def test_a_graph_in_the_middle_of_a_list():
    prompt = {"1": PROMPT["1"], "5": node("expands_late", value=["1", 0]), "6": node("plus", a=["5", 0], b=0)}
    prompt["7"] = node("show_int", value=["6", 0], name="e")
    with StreamBench(CLASSES, depth_first_lists=True) as bench:
        bench.stream(prompt)
        assert bench.history["outputs"]["7"] == {"files": ["e101", "e102", "e103"]}
        assert [kind for kind, _ in messages_of(bench, "6")] == ["executing"]
        assert ORDER.count("plus 6") == 3


def test_an_error_names_the_node_and_its_inputs():
    prompt = {
        "1": PROMPT["1"],
        "2": PROMPT["2"],
        "5": node("plus", a=["1", 0], b=0),
        "6": node("fails_at", value=["5", 0]),
    }
    prompt["7"] = node("show_int", value=["6", 0], name="e")
    with StreamBench(CLASSES, depth_first_lists=True) as bench:
        report = bench.stream(prompt, ok=False)
    assert report["node_id"] == "6" and report["exception_type"] == "ZeroDivisionError"
    assert report["current_inputs"]["value"] == [2]
    assert ORDER == ["plus 5", "fails 6", "show 7=6", "plus 5", "fails 6"]


@pytest.mark.parametrize(
    ("budget", "mode"), [(500, StreamMode.AUTO), (10**9, StreamMode.AUTO), (500, StreamMode.NEVER)]
)
def test_the_budget_asks_for_it(budget, mode):
    prompt = {"1": PROMPT["1"], "2": node("picture", v=["1", 0]), "3": node("keep_int", image=["2", 0])}
    with StreamBench(CLASSES, mode=mode, budget_bytes=budget) as bench:
        bench.stream(prompt)
        is_over = budget == 500 and mode is StreamMode.AUTO
        ordinary = ["picture 2"] * 3 + ["keep 3"] * 3
        assert (["picture 2", "keep 3"] * 3 if is_over else ordinary) == ORDER
        assert LOG.seen["kept"] == [1, 2, 3]
        entries = bench.executor.caches._entries.values()
        assert sum(bool(entry.absent) for entry in entries) == is_over


def test_items_are_dropped_only_where_nobody_else_needs_them():
    prompt = {
        "1": PROMPT["1"],
        "2": node("picture", v=["1", 0]),
        "3": node("keep_int", image=["2", 0]),
        "4": node("joins", image=["2", 0]),
    }
    joins = v1(
        (),
        {"image": IMAGE},
        lambda self, image, uid: LOG.seen.update(joined=[numbers(i)[0] for i in image]) or {},
        OUTPUT_NODE=True,
        INPUT_IS_LIST=True,
    )
    with StreamBench({**CLASSES, "joins": joins}, mode=StreamMode.AUTO, budget_bytes=500) as bench:
        bench.stream(prompt)
    assert LOG.seen["kept"] == [1, 2, 3] == LOG.seen["joined"]
