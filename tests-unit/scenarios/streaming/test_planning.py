"""Scenarios S20 to S35 with explicit streams: early and late values, cycles, expansion, lazy and async members."""

from __future__ import annotations

import asyncio

import pytest
from stream_bench import StreamBench, node
from stream_nodes import FRAMES, LOG, SINK, Counter, File, Mapped, S, numbers, v1
from test_fan_out import N, on, sink, src, two

from comfy_execution.graph_utils import GraphBuilder

LOADER = {
    "loader": v1((S, "INT"), {"n": "INT"}, lambda self, n, uid: (Counter(uid, n), 24)),
    "other": v1(
        (),
        {"v": "INT", "w": "INT"},
        lambda self, v, w, uid: LOG.seen.update({uid: v + w}) or {},
        OUTPUT_NODE=True,
    ),
}


def test_s20_early_value_inside():
    prompt = {
        "1": node("loader", n=FRAMES),
        "2": node("add", stream=["1", 0], v=["1", 1]),
        "3": sink("2", "a"),
    }
    with StreamBench(LOADER) as bench:
        bench.stream(prompt)
    assert LOG.files["a"] == [i + 24 for i in N]


def test_s21_early_value_through_an_ordinary_node():
    prompt = {
        "1": node("loader", n=FRAMES),
        "2": node("double", v=["1", 1]),
        "3": node("add", stream=["1", 0], v=["2", 0]),
        "4": sink("3", "a"),
    }
    with StreamBench(LOADER) as bench:
        bench.stream(prompt)
        running = [m["data"]["node"] for m in bench.messages if m.get("type") == "executing"][:-1]
    assert LOG.files["a"] == [i + 48 for i in N]
    assert running == ["1", "2", "3", "4"]


@pytest.mark.parametrize("kind", ["collect", "collect_steps"])
def test_s22_true_cycle_is_refused_before_a_frame_is_made(kind):
    prompt = {
        "1": src(),
        "2": on(kind, "1"),
        "3": node("stream", image=["2", 0]),
        "4": two("mix", "1", "3"),
        "5": sink("4", "a"),
    }
    with StreamBench() as bench:
        report = bench.stream(prompt, ok=False)
    assert report["exception_type"].endswith("StreamCycleError")
    assert f"2 ({kind})" in report["exception_message"] and "4 (mix)" in report["exception_message"]
    assert LOG.pulls == {} and LOG.closes == [("1", True)]


class Expands:
    INPUT_TYPES = classmethod(lambda cls: {"required": {"stream": (S, {}), "n": ("INT", {})}})
    RETURN_TYPES = (S,)
    FUNCTION = "run"
    CATEGORY = "test"

    def run(self, stream, n):
        graph = GraphBuilder()
        source = graph.node("src", n=n)
        added = graph.node("add", stream=source.out(0), v=5)
        return {"result": (added.out(0),), "expand": graph.finalize()}


def test_s28_expansion_while_opening():
    prompt = {"1": src(4), "2": on("expands", "1", n=FRAMES), "3": sink("2", "a"), "4": sink("2", "b")}
    with StreamBench({"expands": Expands}) as bench:
        bench.stream(prompt)
        states = [m["data"]["nodes"] for m in bench.messages if m.get("type") == "progress_state"][-1]
    assert LOG.files == {"a": [i + 5 for i in N], "b": [i + 5 for i in N]}
    assert "1" not in LOG.pulls and ("1", False) in LOG.closes
    children = [entry for node_id, entry in states.items() if node_id not in prompt]
    assert len(children) == 2 and {entry["parent_node_id"] for entry in children} == {"2"}


class Switch:
    INPUT_TYPES = classmethod(
        lambda cls: {
            "required": {"on": ("BOOLEAN", {}), "t": ("*", {"lazy": True}), "f": ("*", {"lazy": True})}
        }
    )
    RETURN_TYPES = ("*",)
    FUNCTION = "run"
    CATEGORY = "test"

    def check_lazy_status(self, on, t=None, f=None):
        return ["t"] if on and t is None else ["f"] if not on and f is None else []

    def run(self, on, t=None, f=None):
        return (t if on else f,)


@pytest.mark.parametrize("on", [True, False])
def test_s29_lazy_switch(on):
    prompt = {
        "1": src(),
        "2": node("double", v=20),
        "3": node("src", n=["2", 0]),
        "4": node("switch", on=on, t=["1", 0], f=["3", 0]),
        "5": sink("4", "a"),
    }
    with StreamBench({"switch": Switch}) as bench:
        bench.stream(prompt, lazy={"4"})
    assert LOG.files["a"] == (N if on else list(range(40)))
    assert LOG.calls == ([] if on else ["double"])
    assert LOG.opens == ["1" if on else "3"]


def test_s31_region_after_region():
    prompt = {"1": src(), "2": on("collect", "1"), "3": node("stream", image=["2", 0]), "4": sink("3", "a")}
    with StreamBench() as bench:
        bench.stream(prompt)
        assert [facts.node_ids for facts in bench.executor.stream_facts] == [("1", "2"), ("3", "4")]
    assert LOG.files["a"] == N


def test_s32_forwarded_by_an_untyped_node():
    prompt = {"1": src(), "2": node("forward", value=["1", 0]), "3": sink("2", "a"), "4": sink("1", "b")}
    with StreamBench() as bench:
        bench.stream(prompt)
        assert LOG.files == {"a": N, "b": N} and bench.tee <= 16
        LOG.clear()
        prompt["2"] = node("forward_pulls", value=["1", 0])
        report = bench.stream(prompt, ok=False)
        assert (
            report["node_id"] == "2"
            and "pulled a stream while it was being opened" in report["exception_message"]
        )


def test_s34_empty_stream():
    with StreamBench() as bench:
        bench.stream({"1": src(0), "2": on("rep", "1", k=4), "3": sink("2", "a")})
    assert LOG.files["a"] == []


def test_s34_empty_stream_keeps_its_shape():
    shape = v1(
        (),
        {"image": "IMAGE"},
        lambda self, image, uid: LOG.seen.update(shape=tuple(image.shape)) or {},
        OUTPUT_NODE=True,
    )

    def collect_raw(self, stream, uid):
        return (stream.pull(8),)

    classes = {"shape": shape, "first": v1(("IMAGE",), {"stream": S}, collect_raw)}
    with StreamBench(classes) as bench:
        bench.stream(
            {"1": src(0), "2": on("rep", "1", k=4), "3": on("first", "2"), "4": node("shape", image=["3", 0])}
        )
    assert LOG.seen["shape"] == (0, 1, 1, 1)


def test_s35_async_members():
    events = []

    async def opens(self, stream, uid):
        await asyncio.sleep(0.02)
        return (Mapped(uid, stream, lambda c: c + 1),)

    async def drains(self, stream, name, chunk, uid):
        with File(name) as file:
            for part in stream.chunks():
                file.frames += numbers(part)
                events.append("pull")
                await asyncio.sleep(0.001)
                yield len(part)

    async def plain_async(self, stream, name, chunk, uid):
        with File(name) as file:
            for part in stream.chunks():
                file.frames += numbers(part)
                await asyncio.sleep(0)
        return ()

    async def ordinary(self, v, uid):
        for _ in range(5):
            await asyncio.sleep(0.002)
            events.append("tick")
        return {}

    classes = {
        "opens": v1((S,), {"stream": S}, opens),
        "drains": v1((), SINK, drains, OUTPUT_NODE=True),
        "plain_async": v1((), SINK, plain_async, OUTPUT_NODE=True),
        "ordinary": v1((), {"v": "INT"}, ordinary, OUTPUT_NODE=True),
    }
    prompt = {
        "1": src(),
        "2": on("opens", "1"),
        "3": sink("2", "a", kind="drains"),
        "4": sink("1", "b"),
        "5": sink("2", "c", kind="plain_async"),
        "6": node("ordinary", v=1),
    }
    with StreamBench(classes) as bench:
        bench.stream(prompt)
    assert LOG.files == {"a": [i + 1 for i in N], "b": N, "c": [i + 1 for i in N]}
    assert events.count("tick") == 5 and events[-1] == "pull"
