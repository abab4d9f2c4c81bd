"""Scenarios S1 to S18: fan-out, rates, ends, who owns a chunk."""

from __future__ import annotations

import logging

import pytest
import torch
from stream_bench import StreamBench, node
from stream_nodes import FRAMES, LOG, File, ImageStreamInput, S, frames, numbers, v1

from comfy_api.streams import MaskStreamInput, StreamGroup

N = list(range(FRAMES))


def sink(source: str, name: str, chunk: int = 0, kind: str = "save", slot: int = 0) -> dict:
    return node(kind, stream=[source, slot], name=name, chunk=chunk)


def src(n: int = FRAMES, kind: str = "src") -> dict:
    return node(kind, n=n)


def on(kind: str, source: str, **more) -> dict:
    return node(kind, stream=[source, 0], **more)


def two(kind: str, a: str, b: str) -> dict:
    return node(kind, a=[a, 0], b=[b, 0])


def test_s1_one_branch_faster():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": on("rep", "1", k=4), "3": sink("2", "a"), "4": sink("1", "b")})
    assert LOG.files == {"a": [i // 4 for i in range(4 * FRAMES)], "b": N}
    assert bench.tee <= 16


def test_s2_one_branch_slower():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": on("drop", "1", k=4), "3": sink("2", "a"), "4": sink("1", "b")})
    assert LOG.files == {"a": N[::4], "b": N}
    assert bench.tee <= 2 * 32


def test_s3_two_chunk_sizes_do_not_move_the_borders():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": sink("1", "a", 8), "3": sink("1", "b", 3)})
    assert LOG.files == {"a": N, "b": N}
    assert set(LOG.pulls["1"]) == {8}
    assert bench.tee <= 16


@pytest.mark.parametrize("kind", ["collect", "collect_steps"])
def test_s4_greedy_sibling(kind):
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": sink("1", "a"), "3": on(kind, "1"), "4": node("keep", image=["3", 0])})
    assert LOG.files["a"] == LOG.seen["4"] == N
    assert bench.tee <= 16


def idle_sink(self, stream, name, chunk, uid):
    for _ in range(5000):
        yield 0
    with File(name) as file:
        for part in stream.chunks():
            file.frames += numbers(part)
            yield len(part)


def test_s5_idle_sink_does_not_starve_its_sibling(caplog):
    classes = {"idle": v1((), {"stream": S, "name": "STRING", "chunk": "INT"}, idle_sink, OUTPUT_NODE=True)}
    with caplog.at_level(logging.WARNING), StreamBench(classes, tee_frames=16) as bench:
        bench.stream({"1": src(), "2": sink("1", "a", kind="idle"), "3": sink("1", "b")})
    assert LOG.files == {"a": N, "b": N}
    assert LOG.writes == ["b", "a"]
    assert bench.tee <= 16 + 8
    assert bench.spilled
    assert [r.message for r in caplog.records if "different rates" in r.message] == [
        "the frames of 1 (src) are read at different rates by 2 (idle), 3 (save): "
        "what is beyond the budget goes to a file"
    ]


@pytest.mark.parametrize("budget", [None, 16])
def test_s6_sink_that_waits_for_its_sibling(budget):
    written = []

    def waits(self, stream, name, chunk, uid):
        while len(written) < 40:
            yield 0
        with File(name) as file:
            for part in stream.chunks():
                file.frames += numbers(part)
                yield len(part)

    def counts(self, stream, name, chunk, uid):
        with File(name) as file:
            for part in stream.chunks():
                written.extend(numbers(part))
                file.frames += numbers(part)
                yield len(part)

    inputs = {"stream": S, "name": "STRING", "chunk": "INT"}
    classes = {
        "waits": v1((), inputs, waits, OUTPUT_NODE=True),
        "counts": v1((), inputs, counts, OUTPUT_NODE=True),
    }
    with StreamBench(classes, tee_frames=budget) as bench:
        bench.stream({"1": src(), "2": sink("1", "a", kind="waits"), "3": sink("1", "b", kind="counts")})
    assert LOG.files == {"a": N, "b": N}


def test_s7_diamond():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": on("add", "1", v=1), "3": two("mix", "2", "1"), "4": sink("3", "a")})
    assert LOG.files["a"] == [2 * i + 1 for i in N]
    assert bench.tee <= 8


@pytest.mark.parametrize("k", [2, 32, 500])
@pytest.mark.parametrize("n", [400, 401])
def test_s8_diamond_with_lookahead(k, n):
    with StreamBench() as bench:
        bench.stream(
            {"1": src(n), "2": on("delay", "1", k=k), "3": two("mix", "2", "1"), "4": sink("3", "a")}
        )
    assert LOG.files["a"] == [2 * i + min(i + k, n - 1) for i in range(n)]
    assert bench.tee <= -(-(k + 8) // 8) * 8  # the source is pulled on the grid only


def test_s9_half_rate_diamond_spills_and_warns_once(caplog):
    with caplog.at_level(logging.WARNING), StreamBench(tee_frames=16) as bench:
        bench.stream({"1": src(), "2": on("drop", "1", k=2), "3": two("mix", "2", "1"), "4": sink("3", "a")})
    assert LOG.files["a"] == [3 * i for i in range(200)]
    assert bench.spilled
    assert bench.tee <= 16 + 8
    warnings = [r.message for r in caplog.records if "different rates" in r.message]
    assert len(warnings) == 1
    assert "2 (drop)" in warnings[0] and "3 (mix)" in warnings[0]


def test_s10_a_stream_after_itself():
    with StreamBench(tee_frames=16) as bench:
        bench.stream({"1": src(), "2": on("add", "1", v=0), "3": two("cat", "1", "2"), "4": sink("3", "a")})
    assert LOG.files["a"] == N + N
    assert bench.spilled
    assert bench.tee <= 16 + 8


def test_s11_unequal_lengths():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": src(37), "3": two("mix", "1", "2"), "4": sink("3", "a")})
    assert LOG.files["a"] == [2 * i for i in range(37)]
    assert sum(LOG.pulls["1"]) <= 40 + 8


def test_s12_branch_that_ends_early_is_reported_first():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": on("trim", "1", n=10), "3": sink("2", "a"), "4": sink("1", "b")})
        order = [m["data"]["node"] for m in bench.messages if m.get("type") == "executed"]
    assert LOG.files == {"a": N[:10], "b": N}
    assert order == ["3", "4"]
    assert bench.tee <= 16


def test_s13_early_end_inside_one_sink():
    with StreamBench() as bench:
        bench.stream(
            {"1": src(), "2": on("trim", "1", n=10), "3": two("padmix", "2", "1"), "4": sink("3", "a")}
        )
    assert LOG.files["a"] == [2 * i if i < 10 else i for i in N]
    assert bench.tee <= 16


class TwoLanes(StreamGroup):
    """Two outputs over one input; the first ends after `short` frames."""

    def __init__(self, stream, short):
        super().__init__([ImageStreamInput, ImageStreamInput])
        self.stream, self.short, self.at = stream, short, 0

    def get_dimensions(self):
        return (1, 1)

    def do_reset(self):
        self.stream.reset()

    def do_pull_row(self, max_frames):
        chunk = self.stream.pull(max_frames)
        first = chunk[: max(0, self.short - self.at)]
        self.at += len(chunk)
        return first, chunk + 1000


TWO = {
    "two": v1(
        (S, S),
        {"stream": S, "short": "INT"},
        lambda self, stream, short, uid: TwoLanes(stream, short).streams,
    )
}


def test_s14_two_outputs_over_one_input():
    prompt = {
        "1": src(),
        "2": on("two", "1", short=10),
        "3": sink("2", "a"),
        "4": sink("2", "b", slot=1),
        "5": sink("1", "c"),
    }
    with StreamBench(TWO) as bench:
        bench.stream(prompt)
    assert LOG.files == {"a": N[:10], "b": [i + 1000 for i in N], "c": N}
    assert bench.tee <= 16


def test_s15_decoder_with_two_outputs():
    prompt = {
        "1": src(),
        "2": on("two", "1", short=FRAMES),
        "3": on("rep", "2", k=4),
        "4": sink("3", "p"),
        "5": sink("2", "q", slot=1),
    }
    with StreamBench(TWO) as bench:
        bench.stream(prompt)
    assert LOG.files == {"p": [i // 4 for i in range(4 * FRAMES)], "q": [i + 1000 for i in N]}
    assert bench.tee <= 16


def test_s16_side_effect_above_a_trim():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": on("saver", "1"), "3": on("trim", "2", n=10), "4": sink("3", "a")})
    assert LOG.files == {"a": N[:10], "2": N}


def test_s16_saver_that_nobody_reads_is_its_own_sink():
    classes = {
        "out": v1((S,), {"stream": S}, lambda self, stream, uid: (Saving(uid, stream),), OUTPUT_NODE=True)
    }
    from stream_nodes import Saver as Saving

    with StreamBench(classes) as bench:
        bench.stream({"1": src(), "2": on("out", "1")})
        assert [m["data"]["output"] for m in bench.messages if m.get("type") == "executed"] == [
            {"files": ["2"]}
        ]
    assert LOG.files == {"2": N}


def test_s17_producer_that_writes_into_its_buffer_again():
    prompt = {"1": src(kind="src_reuses"), "2": sink("1", "a", 8), "3": sink("1", "b", 3)}
    with StreamBench(check_chunks=True) as bench:
        report = bench.stream(prompt, ok=False)
        assert report["node_id"] == "1"
        assert "producer node 1 wrote into a chunk" in report["exception_message"]
        prompt["1"] = src()
        bench.stream(prompt)
    assert LOG.files == {"a": N, "b": N}


def test_s18_consumer_that_writes_into_its_input():
    prompt = {"1": src(), "2": on("inplace", "1"), "3": sink("2", "a"), "4": sink("1", "b")}
    with StreamBench(check_chunks=True) as bench:
        report = bench.stream(prompt, ok=False)
    assert report["node_id"] == "2"
    assert "consumer node 2 wrote into a chunk" in report["exception_message"]
    assert LOG.files == {}


def test_group_of_other_kinds():
    class Both(StreamGroup):
        def __init__(self):
            super().__init__([ImageStreamInput, MaskStreamInput])

        def do_reset(self):
            self.at = 0

        def do_pull_row(self, max_frames):
            self.at += max_frames
            n = max_frames if self.at < 20 else 3
            return frames(range(n)), torch.zeros(n, 1, 1)

    streams = Both().streams
    assert [type(s).__mro__[2] for s in streams] == [ImageStreamInput, MaskStreamInput]
