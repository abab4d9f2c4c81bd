"""Scenarios S40 to S56: errors, interrupts, threads, sinks that wait."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading

import pytest
import torch
from stream_bench import StreamBench, node
from stream_nodes import FRAMES, LOG, Counter, File, Interposer, S, frames, numbers, one, v1
from test_fan_out import N, on, sink, src, two

import folder_paths
from comfy.interruption import interrupt_current_processing
from comfy_api.streams import ConsumerGone, Park, Signal
from comfy_execution.errors import EngineThreadError
from comfy_execution.streaming.stepper import refuse_output_after_failure

SINK = {"stream": S, "name": "STRING", "chunk": "INT"}


def failing(at: int = 200) -> dict:
    return node("src_fails", n=FRAMES, at=at)


class Swallow(Interposer):
    def do_pull(self, max_frames):
        try:
            return self.inputs[0].pull(max_frames)
        except Exception:
            return frames([])


class Interrupting(Counter):
    def do_pull(self, max_frames):
        if self.at >= 96:
            interrupt_current_processing()
        return super().do_pull(max_frames)


CLASSES = {
    "swallow": v1((S,), {"stream": S}, one(lambda uid, stream: Swallow(uid, stream))),
    "src_interrupts": v1((S,), {"n": "INT"}, one(lambda uid, n: Interrupting(uid, n))),
}


def next_prompt_runs(bench: StreamBench) -> None:
    LOG.clear()
    bench.stream({"9": src(20), "8": sink("9", "next")})
    assert LOG.files == {"next": list(range(20))}


def test_s40_error_in_the_middle():
    with StreamBench() as bench:
        report = bench.stream({"1": failing(), "2": sink("1", "a"), "3": sink("1", "b")}, ok=False)
        assert report["node_id"] == "1" and report["exception_message"] == "frame 200\n"
        assert any("do_pull" in line for line in report["traceback"])
        assert LOG.files == {} and LOG.closes == [("1", True)]
        next_prompt_runs(bench)


def test_s41_swallowed_error():
    with StreamBench(CLASSES) as bench:
        report = bench.stream({"1": failing(), "2": on("swallow", "1"), "3": sink("2", "a")}, ok=False)
        assert report["node_id"] == "1" and LOG.files == {}
        next_prompt_runs(bench)


@pytest.mark.parametrize("between", [True, False])
def test_s42_swallowed_interrupt(between):
    graph = {
        "1": src(kind="src_interrupts"),
        "2": on("swallow", "1"),
        "3": sink("2" if between else "1", "a"),
    }
    with StreamBench(CLASSES) as bench:
        bench.stream(graph, ok=False)
        assert bench.history["status"]["messages"][-1][0] == "execution_interrupted"
        assert sum(LOG.pulls["1"]) <= 112 and LOG.files == {}
        next_prompt_runs(bench)


def test_s43_interrupt_and_a_plain_sink():
    with StreamBench(CLASSES) as bench:
        bench.stream({"1": src(kind="src_interrupts"), "2": sink("1", "a", kind="plain")}, ok=False)
        assert bench.history["status"]["messages"][-1][0] == "execution_interrupted"
        assert sum(LOG.pulls["1"]) <= 112 and LOG.files == {}
        next_prompt_runs(bench)


def test_s44_two_plain_sinks():
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": sink("1", "a", kind="plain"), "3": sink("1", "b", 5, kind="plain")})
        assert len(LOG.threads) == 1
    assert LOG.files == {"a": N, "b": N}
    assert bench.tee <= 16


@pytest.mark.parametrize("kind", ["save", "plain"])
def test_s45_sinks_that_rewind_get_each_frame_once(kind):
    with StreamBench() as bench:
        bench.stream({"1": src(), "2": sink("1", "a", kind=kind), "3": sink("1", "b", kind=kind)})
    assert LOG.files == {"a": N, "b": N} and sum(LOG.pulls["1"]) <= FRAMES + 8


def test_s45_reset_after_reading_names_the_node():
    def again(self, stream, name, chunk, uid):
        stream.pull(8)
        yield 8
        stream.reset()

    with StreamBench({"again": v1((), SINK, again, OUTPUT_NODE=True)}) as bench:
        report = bench.stream({"1": src(), "2": sink("1", "a", kind="again")}, ok=False)
    assert report["node_id"] == "2" and "reset its input stream after 8 frames" in report["exception_message"]


@pytest.mark.parametrize("plain", [True, False])
def test_s46_foreign_thread(plain):
    def pulls_elsewhere(stream):
        caught = []

        def work():
            try:
                stream.pull(8)
            except Exception as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return caught

    def run(self, stream, name, chunk, uid):
        pulls_elsewhere(stream)
        return ()

    def run_steps(self, stream, name, chunk, uid):
        pulls_elsewhere(stream)
        yield 1

    with StreamBench({"odd": v1((), SINK, run if plain else run_steps, OUTPUT_NODE=True)}) as bench:
        report = bench.stream({"1": src(), "2": sink("1", "a", kind="odd")}, ok=False)
        assert report["node_id"] == "2"
        assert "only the thread that called the node may pull" in report["exception_message"]
        next_prompt_runs(bench)


@pytest.mark.parametrize("fails_before", [True, False])
def test_s47_close_raises(fails_before):
    graph = {
        "1": src(kind="src_close_fails"),
        "2": failing() if fails_before else src(),
        "3": two("mix", "1", "2"),
        "4": sink("3", "a"),
    }
    with StreamBench() as bench:
        report = bench.stream(graph, ok=False)
        assert report["node_id"] == ("2" if fails_before else "1")
        assert {name for name, _ in LOG.closes} == {"1", "2", "3"}
        next_prompt_runs(bench)


def fails_at_200(self, stream, name, chunk, uid):
    with File(name) as file:
        for part in stream.chunks():
            file.frames += numbers(part)
            if len(file.frames) >= 200:
                raise ValueError("no space")
            yield len(part)


def test_s48_late_failure_keeps_what_was_finished():
    classes = {"bad": v1((), SINK, fails_at_200, OUTPUT_NODE=True)}
    graph = {"1": src(), "2": on("trim", "1", n=10), "3": sink("2", "a"), "4": sink("1", "b", kind="bad")}
    with StreamBench(classes) as bench:
        report = bench.stream(graph, ok=False)
        assert report["node_id"] == "4" and report["exception_message"] == "no space\n"
        assert LOG.files == {"a": N[:10]}
        LOG.clear()
        bench.stream(graph, ok=False)
        cached = next(m["data"]["nodes"] for m in bench.messages if m.get("type") == "execution_cached")
        assert cached == ["3"] and LOG.files == {}


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # it resists its own deletion too
@pytest.mark.parametrize("plain", [True, False])
def test_s49_sinks_that_ignore_the_abort(plain, caplog):
    def stubborn(self, stream, name, chunk, uid):
        while True:
            with contextlib.suppress(BaseException):
                stream.pull(8)

    def stubborn_steps(self, stream, name, chunk, uid):
        while True:
            try:
                with contextlib.suppress(BaseException):
                    stream.pull(8)
                yield 8
            except BaseException:
                pass

    classes = {"stubborn": v1((), SINK, stubborn if plain else stubborn_steps, OUTPUT_NODE=True)}
    with caplog.at_level(logging.WARNING), StreamBench(classes) as bench:
        report = bench.stream({"1": failing(16), "2": sink("1", "a", kind="stubborn")}, ok=False)
        assert report["node_id"] == "1"
        assert "left to itself" in caplog.text
        next_prompt_runs(bench)
    gc.collect()


def test_s50_open_raises():
    def broken(self, stream, uid):
        raise ValueError("cannot open")

    with StreamBench({"broken": v1((S,), {"stream": S}, broken)}) as bench:
        report = bench.stream({"1": src(), "2": on("broken", "1"), "3": sink("2", "a")}, ok=False)
        assert report["node_id"] == "2"
        assert LOG.pulls == {} and LOG.closes == [("1", True)]
        LOG.clear()
        next_prompt_runs(bench)


def test_s51_failure_between_open_and_drive():
    with StreamBench() as bench:
        graph = {
            "1": src(),
            "2": node("raises", v=1),
            "3": node("add", stream=["1", 0], v=["2", 0]),
            "4": sink("3", "a"),
        }
        report = bench.stream(graph, ok=False)
    assert report["node_id"] == "2"
    assert LOG.closes in ([("1", True)], []) and LOG.pulls == {}


def test_s52_leaking_stop_iteration_names_the_source():
    with StreamBench() as bench:
        report = bench.stream({"1": src(kind="src_stop"), "2": sink("1", "a")}, ok=False)
    assert report["node_id"] == "1" and "StopIteration" in report["exception_message"]


class Wire:
    """A bounded channel whose client takes nothing more after `taken` frames."""

    def __init__(self, taken=32, deadline_s=0.3, gone_at=None):
        self.taken, self.deadline_s, self.gone_at, self.sent, self.room = (
            taken,
            deadline_s,
            gone_at,
            [],
            Signal(),
        )
        self.parked = threading.Event()

    def run(self, node_self, stream, name, chunk, uid):
        while True:
            while len(self.sent) >= self.taken:
                self.parked.set()
                if not (yield Park(self.room, self.deadline_s)):
                    raise ConsumerGone("slow client")
                self.room.clear()
            if self.gone_at is not None and len(self.sent) >= self.gone_at:
                raise ConsumerGone("the client left")
            part = stream.pull(8)
            self.sent += numbers(part)
            yield len(part)
            if len(part) < 8:
                return ()

    @property
    def classes(self):
        return {"wire": v1((), SINK, lambda *a, **k: (yield from self.run(*a, **k)), OUTPUT_NODE=True)}


def test_s53_client_stops_reading(caplog):
    wire = Wire()
    with caplog.at_level(logging.INFO), StreamBench(wire.classes, tee_frames=16) as bench:
        bench.stream({"1": src(), "2": sink("1", "w", kind="wire"), "3": sink("1", "b")})
    assert LOG.files == {"b": N} and wire.sent == N[:32]
    assert "slow client" in caplog.text
    assert not bench.spilled and bench.tee <= 24


def test_s53_client_that_reads_again_in_time():
    wire = Wire(deadline_s=20)

    def take():
        wire.parked.wait(20)
        wire.taken = 10_000
        wire.room.set()

    thread = threading.Thread(target=take)
    with StreamBench(wire.classes, tee_frames=16) as bench:
        thread.start()
        bench.stream({"1": src(), "2": sink("1", "w", kind="wire"), "3": sink("1", "b")})
        thread.join()
    assert LOG.files == {"b": N} and wire.sent == N


def test_s53_interrupt_before_the_deadline_is_obeyed_at_once():
    wire = Wire(deadline_s=1000)

    def stop():
        wire.parked.wait(20)
        interrupt_current_processing()

    thread = threading.Thread(target=stop)
    with StreamBench(wire.classes, tee_frames=16) as bench:
        thread.start()
        bench.stream({"1": src(), "2": sink("1", "w", kind="wire"), "3": sink("1", "b")}, ok=False)
        thread.join()
        assert bench.history["status"]["messages"][-1][0] == "execution_interrupted"
        next_prompt_runs(bench)


def test_s54_client_leaves():
    wire = Wire(taken=10_000, gone_at=64)
    with StreamBench(wire.classes) as bench:
        bench.stream({"1": src(), "2": sink("1", "w", kind="wire"), "3": sink("1", "b")})
        assert LOG.files == {"b": N} and len(wire.sent) == 64
        LOG.clear()
        wire.sent.clear()
        report = bench.stream({"1": src(399), "2": sink("1", "w", kind="wire")}, ok=False)
        assert report["node_id"] == "2" and "the client left" in report["exception_message"]
        assert sum(LOG.pulls["1"]) <= 72 and LOG.closes == [("1", True)]


def test_s55_the_engine_refuses_the_loop_of_somebody_else():
    async def on_a_loop(bench):
        with pytest.raises(EngineThreadError, match="running event loop"):
            bench.executor.execute({}, "p")

    bench = StreamBench()
    asyncio.run(on_a_loop(bench))


def test_s56_mode_held_over_a_yield():
    seen = {}

    def holds(modes):
        def run(self, stream, name, chunk, uid):
            inside = []
            with modes():
                for part in stream.chunks(chunk):
                    inside.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))
                    yield len(part)
            seen[name] = set(inside)
            seen[name + " after"] = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())

        return v1((), SINK, run, OUTPUT_NODE=True)

    class Watching(Counter):
        def do_pull(self, max_frames):
            seen.setdefault("source", set()).add((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))
            return super().do_pull(max_frames)

    classes = {
        "a": holds(torch.no_grad),
        "b": holds(torch.inference_mode),
        "watching": v1((S,), {"n": "INT"}, one(lambda uid, n: Watching(uid, n))),
    }
    with StreamBench(classes) as bench:
        graph = {"1": src(kind="watching"), "2": on("trim", "1", n=40), "3": sink("2", "a", 8, kind="a")}
        bench.stream({**graph, "4": sink("1", "b", 8, kind="b"), "5": sink("1", "c", 8, kind="a")})
    assert seen["source"] == {(True, False)}
    assert seen["a"] == seen["c"] == {(False, False)} and seen["b"] == {(False, True)}
    assert seen["a after"] == seen["b after"] == seen["c after"] == (True, False)


def test_an_async_node_that_fails_ends_the_region_beside_it():
    async def fails(self, v, uid):
        await asyncio.sleep(0)
        raise ValueError("beside")

    with StreamBench({"beside": v1((), {"v": "INT"}, fails, OUTPUT_NODE=True)}) as bench:
        report = bench.stream({"1": src(40_000), "2": sink("1", "a"), "3": node("beside", v=1)}, ok=False)
        assert report["node_id"] == "3" and report["exception_message"] == "beside\n"
        assert LOG.files == {} and len(LOG.pulls.get("1", ())) < 5000
        next_prompt_runs(bench)


def test_dimensions_that_raise_name_the_node():
    class Blind(Counter):
        def get_dimensions(self):
            raise ValueError("no idea")

        @property
        def frame_count(self):
            raise ValueError("no idea either")

        @frame_count.setter
        def frame_count(self, value):
            pass

    with StreamBench({"blind": v1((S,), {"n": "INT"}, one(lambda uid, n: Blind(uid, n)))}) as bench:
        report = bench.stream({"1": src(kind="blind"), "2": sink("1", "a")}, ok=False)
        assert report["node_id"] == "1" and report["exception_message"] == "no idea\n"
        next_prompt_runs(bench)


@pytest.mark.parametrize("plain", [True, False])
def test_s41_a_sink_that_swallows_the_error_keeps_no_short_file(plain, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_guards", [refuse_output_after_failure])

    def write(stream, file):
        while True:
            try:
                part = stream.pull(8)
            except Exception:
                return
            file.write(str(numbers(part)))
            yield len(part)
            if len(part) < 8:
                return

    def steps(self, stream, name, chunk, uid):
        with (
            folder_paths.atomic_output(tmp_path, lambda i: f"{name}_{i}") as out,
            out.temporary.open("w") as file,
        ):
            yield from write(stream, file)

    def run(self, stream, name, chunk, uid):
        with (
            folder_paths.atomic_output(tmp_path, lambda i: f"{name}_{i}") as out,
            out.temporary.open("w") as file,
        ):
            list(write(stream, file))
        return ()

    classes = {"swallows": v1((), SINK, run if plain else steps, OUTPUT_NODE=True)}
    with StreamBench(classes) as bench:
        report = bench.stream({"1": failing(), "2": sink("1", "a", kind="swallows")}, ok=False)
        assert report["node_id"] == "1" and list(tmp_path.iterdir()) == []
        bench.stream({"1": src(), "2": sink("1", "a", kind="swallows")})
        assert [path.name for path in tmp_path.iterdir()] == ["a_0"]


@pytest.mark.parametrize("kind", ["steps", "plain"])
@pytest.mark.parametrize("ending", ["error", "interrupt"])
def test_async_sinks_are_told_and_clean_up(kind, ending):
    async def steps(self, stream, name, chunk, uid):
        with File(name) as file:
            for part in stream.chunks():
                file.frames += numbers(part)
                await asyncio.sleep(0)
                yield len(part)

    async def plain(self, stream, name, chunk, uid):
        with File(name) as file:
            for part in stream.chunks():
                file.frames += numbers(part)
                await asyncio.sleep(0)

    classes = {**CLASSES, "odd": v1((), SINK, steps if kind == "steps" else plain, OUTPUT_NODE=True)}
    source = failing() if ending == "error" else src(kind="src_interrupts")
    with StreamBench(classes) as bench:
        bench.stream({"1": source, "2": sink("1", "a", kind="odd"), "3": sink("1", "b")}, ok=False)
        assert bench.history["status"]["messages"][-1][0].endswith(
            "interrupted" if ending == "interrupt" else "error"
        )
        assert LOG.files == {} and LOG.closes == [("1", True)]
        next_prompt_runs(bench)
