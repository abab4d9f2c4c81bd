"""Scenarios S60 to S75: caches, lists, memory, messages."""

from __future__ import annotations

import pytest
import torch
from stream_bench import StreamBench, node
from stream_nodes import FRAMES, LOG, Counter, Mapped, S, one, v1
from test_fan_out import N, on, sink, src, two
from test_planning import LOADER

from comfy_api.streams import TensorLatentStream


def cached_in(bench: StreamBench) -> list[str]:
    return next(m["data"]["nodes"] for m in bench.messages if m.get("type") == "execution_cached")


def kinds_of(bench: StreamBench, node_id: str) -> list[str]:
    kinds = []
    for message in bench.messages:
        data = message.get("data", {})
        if message["type"] in ("executing", "executed") and data["node"] == node_id:
            kinds.append(message["type"])
        state = data.get("nodes", {}) if message["type"] == "progress_state" else {}
        if node_id in state and (not kinds or kinds[-1] != state[node_id]["state"]):
            kinds.append(state[node_id]["state"])
    return kinds


def test_s60_one_of_two_sinks_changed():
    graph = {"1": src(), "2": sink("1", "a"), "3": sink("1", "b")}
    with StreamBench() as bench:
        bench.stream(graph)
        LOG.clear()
        bench.stream({**graph, "3": sink("1", "c")})
        assert LOG.files == {"c": N}
        assert cached_in(bench) == ["2"]
        assert kinds_of(bench, "2") == ["executed", "finished"]
        assert bench.history["outputs"]["2"] == {"files": ["a"]}


def test_s61_sink_below_an_unchanged_saver_changed():
    graph = {"1": src(), "2": on("saver", "1"), "3": sink("2", "a")}
    with StreamBench() as bench:
        bench.stream(graph)
        assert LOG.files == {"2": N, "a": N}
        assert kinds_of(bench, "2") == ["running", "executing", "running", "executed", "finished"]
        LOG.clear()
        bench.stream({**graph, "3": sink("2", "b")})
        assert LOG.files == {"b": N}
        assert kinds_of(bench, "2") == ["executed", "finished"] and "2" in cached_in(bench)
        assert bench.history["outputs"]["2"] == {"files": ["2"]}


def test_s62_reader_of_an_early_value_changed():
    graph = {"1": node("loader", n=FRAMES), "2": sink("1", "a"), "3": node("other", v=["1", 1], w=1)}
    with StreamBench(LOADER) as bench:
        bench.stream(graph)
        assert LOG.seen["3"] == 25
        LOG.clear()
        bench.stream({**graph, "3": node("other", v=["1", 1], w=2)})
        assert LOG.seen == {"3": 26} and LOG.opens == [] and LOG.files == {}
        assert [m["data"]["node"] for m in bench.messages if m["type"] == "executing"] == ["3", None]


def test_s65_source_that_always_changes():
    classes = {
        "live": v1(
            (S,),
            {"n": "INT"},
            one(lambda uid, n: Counter(uid, n)),
            IS_CHANGED=classmethod(lambda cls, n: float("nan")),
        )
    }
    graph = {"1": node("double", v=10), "2": node("live", n=["1", 0]), "3": sink("2", "a")}
    with StreamBench(classes) as bench:
        for _ in range(2):
            LOG.files.clear()
            bench.stream(graph)
            assert LOG.files == {"a": list(range(20))}
            assert LOG.calls == ["double"]
            LOG.opens.clear()
            LOG.closes.clear()


LISTS = {
    "list": v1(
        ("INT",),
        {"values": "STRING"},
        lambda self, values, uid: ([int(v) for v in values.split()],),
        OUTPUT_IS_LIST=(True,),
    ),
    "names": v1(
        ("STRING",), {"values": "STRING"}, lambda self, values, uid: (values.split(),), OUTPUT_IS_LIST=(True,)
    ),
}


def test_s66_list_of_streams():
    prompt = {
        "1": node("list", values="16 24 32"),
        "2": node("src", n=["1", 0]),
        "3": node("names", values="x y z"),
        "4": node("save", stream=["2", 0], name=["3", 0], chunk=0),
    }
    with StreamBench(LISTS) as bench:
        bench.stream(prompt)
        assert LOG.files == {"x": N[:16], "y": N[:24], "z": N[:32]} and LOG.writes == ["x", "y", "z"]
        assert bench.history["outputs"]["4"] == {"files": ["x", "y", "z"]}
        assert [m["data"]["node"] for m in bench.messages if m["type"] == "executing"].count("4") == 1
        assert [facts.frames for facts in bench.executor.stream_facts] == [
            {"2 (src)": n, "4 (save)": n} for n in (16, 24, 32)
        ]


def test_s67_one_stream_mapped_reader():
    prompt = {
        "1": src(),
        "2": node("list", values="1 2 3"),
        "3": node("add", stream=["1", 0], v=["2", 0]),
        "4": node("names", values="x y z"),
        "5": node("save", stream=["3", 0], name=["4", 0], chunk=0),
    }
    with StreamBench(LISTS) as bench:
        bench.stream(prompt)
        assert LOG.files == {name: [i + v for i in N] for name, v in zip("xyz", (1, 2, 3), strict=True)}
        assert sum(LOG.pulls["1"]) <= FRAMES + 8 and bench.tee <= 16


class Recurrent:
    """A decoder whose state is of the run: out[i] is the running sum since its item began."""


def recurrent(latent):
    def run():
        total = torch.zeros(1)
        for chunk in latent.chunks():
            samples, starts = chunk["samples"], chunk.get("item_starts", ())
            out = []
            for i in range(samples.shape[2]):
                total = samples[0, 0, i].reshape(1) if i in starts else total + samples[0, 0, i].reshape(1)
                out.append(total)
            yield torch.stack(out).reshape(-1, 1, 1, 1)

    from comfy_api.streams import image_stream

    return image_stream(run, sources=[latent], dimensions=(1, 1))


LATENTS = {
    "latents": v1(
        ("LATENT_STREAM",),
        {"b": "INT", "t": "INT"},
        one(
            lambda uid, b, t: TensorLatentStream(
                {"samples": torch.arange(b * t, dtype=torch.float32).reshape(b, 1, t, 1, 1)}
            )
        ),
    ),
    "decode_latents": v1((S,), {"latent": "LATENT_STREAM"}, one(lambda uid, latent: recurrent(latent))),
}


def test_s68_two_streams_on_one_model():
    alone = {
        "1": node("latents", b=1, t=30),
        "2": node("decode_latents", latent=["1", 0]),
        "3": sink("2", "alone"),
    }
    both = {
        **alone,
        "4": node("latents", b=1, t=30),
        "5": node("decode_latents", latent=["4", 0]),
        "6": two("mix", "2", "5"),
        "7": sink("6", "both"),
    }
    with StreamBench(LATENTS) as bench:
        bench.stream(both)
    assert LOG.files["both"] == [2 * v for v in LOG.files["alone"]]


@pytest.mark.parametrize("chunk", [1, 4, 8])
def test_s69_batch_of_videos(chunk):
    graph = {
        "1": node("latents", b=2, t=6),
        "2": node("decode_latents", latent=["1", 0]),
        "3": sink("2", "a"),
    }
    with StreamBench(LATENTS, chunk_frames=chunk) as bench:
        bench.stream(graph)
    items = [range(6), range(6, 12)]
    assert LOG.files["a"] == [sum(item[: i + 1]) for item in items for i in range(6)]


def test_s70_droppers_below_each_other():
    with StreamBench() as bench:
        bench.stream(
            {"1": src(4096), "2": on("drop", "1", k=8), "3": on("drop", "2", k=8), "4": sink("3", "a")}
        )
    assert LOG.files["a"] == list(range(0, 4096, 64))
    assert max(LOG.pulls["1"]) == 8


def blocker():
    from comfy_execution.graph_utils import ExecutionBlocker

    return v1((S,), {"v": "INT"}, lambda self, v, uid: (ExecutionBlocker("closed"),))


def test_s73_blocked_branch():
    prompt = {
        "1": src(),
        "2": node("blocker", v=1),
        "3": two("mix", "2", "1"),
        "4": sink("3", "a"),
        "5": sink("1", "b"),
    }
    with StreamBench({"blocker": blocker()}) as bench:
        bench.stream(prompt)
        assert LOG.files == {"b": N} and bench.tee <= 8


def test_s74_messages_of_a_region():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": on("add", "1", v=1), "3": sink("2", "a")})
        assert kinds_of(bench, "1") == ["running", "executing", "running", "finished"]
        assert kinds_of(bench, "3") == ["running", "executing", "running", "executed", "finished"]
        last = [m["data"]["nodes"] for m in bench.messages if m["type"] == "progress_state"][-1]
    assert (
        {entry["value"] for entry in last.values()} == {FRAMES} == {entry["max"] for entry in last.values()}
    )


def test_s75_unknown_length():
    with StreamBench() as bench:
        bench.stream({"1": src(kind="src_unknown"), "2": sink("1", "a")})
        seen = [
            m["data"]["nodes"]["1"]
            for m in bench.messages
            if m["type"] == "progress_state" and "1" in m["data"]["nodes"]
        ]
    values = [entry["value"] for entry in seen]
    assert values == sorted(values) and seen[-1]["value"] == seen[-1]["max"] == FRAMES
    assert all(
        entry["value"] < entry["max"]
        for entry in seen
        if entry["state"] == "running" and 0 < entry["value"] < FRAMES
    )


def test_an_input_that_takes_lists_joins_all_indices():
    from stream_nodes import Concat

    classes = {
        **LISTS,
        "join": v1(
            (S,), {"streams": S}, lambda self, streams, uid: (Concat(uid[0], *streams),), INPUT_IS_LIST=True
        ),
    }
    prompt = {
        "1": node("list", values="5 7"),
        "2": node("src", n=["1", 0]),
        "3": node("join", streams=["2", 0]),
        "4": sink("3", "a"),
    }
    with StreamBench(classes) as bench:
        bench.stream(prompt)
    assert LOG.files["a"] == [*range(5), *range(7)]


def test_a_blocked_item_of_a_list_is_left_out():
    from comfy_execution.graph_utils import ExecutionBlocker

    def odd(self, v, uid):
        return (ExecutionBlocker(None) if v % 2 else v,)

    classes = {**LISTS, "odd": v1(("INT",), {"v": "INT"}, odd)}
    prompt = {
        "1": node("list", values="16 17 18"),
        "2": node("odd", v=["1", 0]),
        "3": node("src", n=["2", 0]),
        "4": node("names", values="x y z"),
        "5": node("save", stream=["3", 0], name=["4", 0], chunk=0),
    }
    with StreamBench(classes) as bench:
        bench.stream(prompt)
        assert LOG.files == {"x": N[:16], "z": N[:18]}
        assert bench.history["outputs"]["5"] == {"files": ["x", "z"]}


class Device:
    """Room for one model; counts how often one is brought in."""

    def __init__(self, room):
        self.room, self.loads, self.here = room, [], []

    def use(self, model):
        if model not in self.here:
            self.loads.append(model)
            self.here = [*self.here, model][-self.room :]

    def hold(self, models):
        if len(models) > self.room:
            return False
        for model in models:
            self.use(model)
        return True


@pytest.mark.parametrize(("room", "loads"), [(2, ["decoder", "upscaler"]), (1, ["decoder", "upscaler"])])
def test_s71_models_that_do_not_fit_together(room, loads):
    device = Device(room)

    def using(model):
        class Using(Mapped):
            models = (model,)

        def use(chunk):
            device.use(model)
            return chunk + 1

        return v1((S,), {"stream": S}, one(lambda uid, stream: Using(uid, stream, use)))

    classes = {"decode_model": using("decoder"), "upscale_model": using("upscaler")}
    prompt = {
        "1": src(),
        "2": on("decode_model", "1"),
        "3": on("upscale_model", "2"),
        "4": on("add", "3", v=0),
        "5": sink("4", "a"),
    }
    with StreamBench(classes, hold_models=device.hold, tee_frames=32) as bench:
        bench.stream(prompt)
        assert LOG.files["a"] == [i + 2 for i in N]
        assert device.loads == loads
        assert bool(bench.spilled) is (room == 1) and bench.tee <= 40
