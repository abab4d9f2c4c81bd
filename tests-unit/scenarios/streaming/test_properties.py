"""Scenario S19 and injected failures: random graphs equal list arithmetic; opens equal closes however it ends."""

from __future__ import annotations

import random
import weakref
from typing import Any

import pytest
from stream_bench import StreamBench, node
from stream_nodes import LOG, Counter, Interposer, S, one, v1

from comfy.interruption import interrupt_current_processing

Frames = list[int]
RATE_CHANGING = frozenset({"rep", "drop", "cat", "trim", "delay"})


def repeat(x: Frames, k: int) -> Frames:
    return [v for v in x for _ in range(k)]


def delayed(x: Frames, k: int) -> Frames:
    return [v + x[min(i + k, len(x) - 1)] for i, v in enumerate(x)]


def padded(a: Frames, b: Frames) -> Frames:
    longer = max(len(a), len(b))
    return [(a[i] if i < len(a) else 0) + (b[i] if i < len(b) else 0) for i in range(longer)]


ONE = {
    "rep": (repeat, "k", (1, 3)),
    "drop": (lambda x, k: x[::k], "k", (1, 4)),
    "delay": (delayed, "k", (1, 9)),
    "trim": (lambda x, n: x[:n], "n", (1, 60)),
    "add": (lambda x, v: [i + v for i in x], "v", (0, 5)),
}
TWO = {
    "mix": lambda a, b: [x + y for x, y in zip(a, b, strict=False)],
    "padmix": padded,
    "cat": lambda a, b: a + b,
}


class RandomGraph:
    """A graph of 1 to 3 sources, up to 7 interposers and 1 to 3 sinks, with the lists it has to give."""

    def __init__(self, seed: int, n: int, kinds: list[str] | None = None) -> None:
        choose = random.Random(seed)
        self.prompt: dict[str, Any] = {}
        self.expected: dict[str, Frames] = {}
        made: list[tuple[str, Frames]] = []
        for _ in range(choose.randint(1, 3)):
            made.append(self._add("src", list(range(n)), n=n))
        for _ in range(choose.randint(1, 7)):
            kind = choose.choice(kinds or [*ONE, *TWO])
            if kind in ONE:
                compute, name, (low, high) = ONE[kind]
                (source, frames), value = choose.choice(made), choose.randint(low, high)
                made.append(self._add(kind, compute(frames, value), stream=[source, 0], **{name: value}))
            else:
                (a, first), (b, second) = choose.choice(made), choose.choice(made)
                made.append(self._add(kind, TWO[kind](first, second), a=[a, 0], b=[b, 0]))
        for i in range(choose.randint(1, 3)):
            source, frames = choose.choice(made[-4:])
            sink = choose.choice(["save", "save", "plain"])
            self._add(sink, [], stream=[source, 0], name=f"f{i}", chunk=choose.choice([0, 3, 8]))
            self.expected[f"f{i}"] = frames

    def _add(self, kind: str, frames: Frames, **inputs: Any) -> tuple[str, Frames]:
        node_id = str(len(self.prompt) + 1)
        self.prompt[node_id] = node(kind, **inputs)
        return node_id, frames


@pytest.fixture(scope="module")
def bench():
    with StreamBench() as made:
        yield made


@pytest.mark.parametrize("seed", range(60))
def test_s19_random_graphs_equal_list_arithmetic(bench, seed):
    graph = RandomGraph(seed, 100)
    LOG.clear()
    bench.executor.reset()
    bench.stream(graph.prompt)
    assert LOG.files == graph.expected


@pytest.mark.parametrize("seed", range(20))
def test_s19_without_two_rates_the_tee_does_not_grow(bench, seed):
    held = []
    for n in (100, 400):
        graph = RandomGraph(1000 + seed, n, kinds=["add", "mix", "padmix", "delay"])
        LOG.clear()
        bench.executor.reset()
        bench.stream(graph.prompt)
        assert LOG.files == graph.expected
        held.append(bench.tee)
    assert held[1] <= max(held[0], 9 + 8 + 8)


class Strikes(Interposer):
    """Passes frames on and does something bad at a frame."""

    def __init__(self, name, stream, at, how):
        super().__init__(name, stream)
        self.strike_at, self.how = at, how

    def do_pull(self, max_frames):
        chunk = self.inputs[0].pull(max_frames)
        before, self.at = self.at, self.at + len(chunk)
        if before <= self.strike_at < self.at:
            if self.how == "interrupt":
                interrupt_current_processing()
            elif self.how == "error":
                raise ValueError(f"strike at {self.strike_at}")
            else:
                return None.no_such_attribute
        return chunk


STRIKES = {
    "strike": v1(
        (S,),
        {"stream": S, "at": "INT", "how": "STRING"},
        one(lambda uid, stream, at, how: Strikes(uid, stream, at, how)),
    )
}


@pytest.mark.parametrize("seed", range(200))
def test_random_interrupts_and_errors_leave_nothing_open(seed):
    choose = random.Random(seed)
    graph = RandomGraph(seed, 60)
    prompt = graph.prompt
    links = [(i, name) for i, n in prompt.items() for name, v in n["inputs"].items() if isinstance(v, list)]
    target, name = choose.choice(links)
    prompt["strike"] = node(
        "strike",
        stream=prompt[target]["inputs"][name],
        at=choose.randint(0, 59),
        how=choose.choice(["interrupt", "error", "bug"]),
    )
    prompt[target]["inputs"][name] = ["strike", 0]
    with StreamBench(STRIKES, tee_frames=choose.choice([None, 16])) as bench:
        bench.stream(prompt, ok=None)
        status = bench.history["status"]
        if not status["completed"]:
            assert status["messages"][-1][0] in ("execution_interrupted", "execution_error")
            assert dict(LOG.closes)["strike"] is True
        LOG.clear()
        bench.stream({"9": node("src", n=20), "8": node("save", stream=["9", 0], name="next", chunk=0)})
        assert LOG.files == {"next": list(range(20))}


def test_sources_of_the_bench_are_what_they_claim():
    source = Counter("s", 5)
    assert [int(v) for v in source.pull(9).reshape(-1)] == [0, 1, 2, 3, 4]


class Tracked(Counter):
    """Knows how many of the chunks it handed over are still alive."""

    def do_pull(self, max_frames):
        chunk = super().do_pull(max_frames)
        alive = LOG.seen.setdefault("alive", [])
        alive[:] = [chunk_of for chunk_of in alive if chunk_of() is not None]
        alive.append(weakref.ref(chunk))
        LOG.seen["most"] = max(LOG.seen.get("most", 0), len(alive))
        return chunk


@pytest.mark.parametrize("n", [100, 400])
@pytest.mark.parametrize("sink", ["save", "plain"])
def test_the_engine_holds_no_more_than_a_few_chunks(n, sink):
    classes = {"tracked": v1((S,), {"n": "INT"}, one(lambda uid, n: Tracked(uid, n)))}
    prompt = {
        "1": node("tracked", n=n),
        "2": node("forward", value=["1", 0]),
        "3": node("add", stream=["2", 0], v=0),
        "4": node(sink, stream=["3", 0], name="a", chunk=8),
        "5": node("save", stream=["1", 0], name="b", chunk=3),
    }
    with StreamBench(classes) as bench:
        bench.stream(prompt)
    assert LOG.files == {"a": list(range(n)), "b": list(range(n))}
    assert LOG.seen["most"] <= 4
