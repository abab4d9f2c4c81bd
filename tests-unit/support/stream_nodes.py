"""Tiny stream nodes whose frames are their index: every expected result is arithmetic.

A frame is a 1x1 picture with one channel. `LOG` gathers what happened: opens, closes, pulls, files.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import torch

from comfy_api.streams import ImageStreamInput, TensorImageStream

FRAMES = 400


def frames(values) -> torch.Tensor:
    return torch.tensor(list(values), dtype=torch.float32).reshape(-1, 1, 1, 1)


def numbers(chunk: torch.Tensor) -> list[int]:
    return [int(v) for v in chunk.reshape(-1).tolist()]


@dataclass
class Log:
    """What the nodes of one test did."""

    opens: list[str] = field(default_factory=list)
    closes: list[tuple[str, bool]] = field(default_factory=list)
    pulls: dict[str, list[int]] = field(default_factory=dict)
    files: dict[str, list[int]] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    threads: set[int] = field(default_factory=set)

    def clear(self) -> None:
        self.__init__()


LOG = Log()


class Logged(ImageStreamInput):
    """Counts opens and closes."""

    name = "stream"

    def get_dimensions(self):
        return (1, 1)

    def do_reset(self):
        LOG.opens.append(self.name)
        self.at = 0

    def do_close(self, aborted):
        LOG.closes.append((self.name, aborted))


class Counter(Logged):
    """Frames 0, 1, ... n - 1."""

    def __init__(self, name, n, known=True, fail_at=None, error=RuntimeError, fail_close=False, reuse=False):
        super().__init__()
        self.name, self.n = name, n
        self.frame_count = n if known else None
        self.fail_at, self.error, self.fail_close, self.reuse = fail_at, error, fail_close, reuse
        self.buffer = torch.zeros(64, 1, 1, 1)
        self.at = 0

    def do_pull(self, max_frames):
        LOG.threads.add(threading.get_ident())
        LOG.pulls.setdefault(self.name, []).append(max_frames)
        stop = min(self.n, self.at + max_frames)
        if self.fail_at is not None and stop > self.fail_at:
            raise self.error(f"frame {self.fail_at}")
        chunk = frames(range(self.at, stop))
        if self.reuse:
            self.buffer[: stop - self.at] = chunk
            chunk = self.buffer[: stop - self.at]
        self.at = stop
        return chunk

    def do_close(self, aborted):
        super().do_close(aborted)
        if self.fail_close:
            raise OSError(f"close of {self.name}")


class Interposer(Logged):
    """Base of the interposers below: pulls from `self.input`."""

    def __init__(self, name, *inputs):
        super().__init__()
        self.name, self.inputs = name, inputs
        self.held = frames([])

    def do_reset(self):
        super().do_reset()
        for stream in self.inputs:
            stream.reset()
        self.held = frames([])


class Mapped(Interposer):
    def __init__(self, name, stream, function):
        super().__init__(name, stream)
        self.function = function
        self.frame_count = stream.frame_count

    def do_pull(self, max_frames):
        return self.function(self.inputs[0].pull(max_frames))


class Repeat(Interposer):
    def __init__(self, name, stream, k):
        super().__init__(name, stream)
        self.k = k

    def do_pull(self, max_frames):
        wanted = max_frames - len(self.held)
        if wanted > 0:
            more = self.inputs[0].pull(-(-wanted // self.k))
            self.held = torch.cat([self.held, more.repeat_interleave(self.k, dim=0)])
        out, self.held = self.held[:max_frames], self.held[max_frames:]
        return out


class Drop(Interposer):
    def __init__(self, name, stream, k):
        super().__init__(name, stream)
        self.k = k

    def do_pull(self, max_frames):
        return self.inputs[0].pull(max_frames * self.k)[:: self.k]


class Delay(Interposer):
    """out[i] = in[i] + in[min(i + k, last)]"""

    def __init__(self, name, stream, k):
        super().__init__(name, stream)
        self.k, self.ended = k, False

    def do_pull(self, max_frames):
        while not self.ended and len(self.held) < max_frames + self.k:
            wanted = self.inputs[0].chunk_frames
            more = self.inputs[0].pull(wanted)
            self.held = torch.cat([self.held, more])
            self.ended = len(more) < wanted
        last = len(self.held) - 1
        count = min(max_frames, len(self.held)) if self.ended else max_frames
        out = [self.held[i] + self.held[min(i + self.k, last)] for i in range(count)]
        self.held = self.held[count:]
        return torch.stack(out) if out else self.held[:0]


class Trim(Interposer):
    def __init__(self, name, stream, n):
        super().__init__(name, stream)
        self.n = n

    def do_pull(self, max_frames):
        wanted = min(max_frames, self.n - self.at)
        if wanted < 1:
            return frames([])
        chunk = self.inputs[0].pull(wanted)
        self.at += len(chunk)
        return chunk


class Mix(Interposer):
    """Index-wise sum; `pad` goes on with the longer one."""

    def __init__(self, name, a, b, pad=False):
        super().__init__(name, a, b)
        self.pad = pad

    def do_pull(self, max_frames):
        a, b = (stream.pull(max_frames) for stream in self.inputs)
        if not self.pad:
            n = min(len(a), len(b))
            return a[:n] + b[:n]
        n = max(len(a), len(b))
        out = torch.zeros(n, 1, 1, 1)
        out[: len(a)] += a
        out[: len(b)] += b
        return out


class Concat(Interposer):
    def do_pull(self, max_frames):
        parts, missing = [], max_frames
        while missing and self.at < 2:
            chunk = self.inputs[self.at].pull(missing)
            parts.append(chunk)
            if len(chunk) < missing:
                self.at += 1
            missing -= len(chunk)
        return torch.cat(parts) if parts else frames([])


class Saver(Interposer):
    """Writes and passes on; the file gets its name at the end."""

    def __init__(self, name, stream):
        super().__init__(name, stream)
        self.frame_count = stream.frame_count
        self.written = []

    def do_reset(self):
        super().do_reset()
        self.written = []
        LOG.partial.add(self.name)

    def do_pull(self, max_frames):
        chunk = self.inputs[0].pull(max_frames)
        self.written += numbers(chunk)
        return chunk

    def do_finish(self):
        LOG.partial.discard(self.name)
        LOG.files[self.name] = self.written
        LOG.writes.append(self.name)
        return {"files": [self.name]}

    def do_close(self, aborted):
        super().do_close(aborted)
        LOG.partial.discard(self.name)


def v1(returns, inputs, call, function="run", **attributes):
    """A V1 class in one expression; `inputs` name -> type or (type, options)."""
    required = {name: kind if isinstance(kind, tuple) else (kind, {}) for name, kind in inputs.items()}
    body = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": dict(required), "hidden": {"uid": "UNIQUE_ID"}}),
        "RETURN_TYPES": returns,
        "FUNCTION": function,
        "CATEGORY": "test",
        function: call,
        **attributes,
    }
    return type("Node", (), body)


S, IMAGE, N, T = "IMAGE_STREAM", "IMAGE", ("INT", {"default": 0}), ("STRING", {"default": ""})


def one(make):
    return lambda self, uid, **inputs: (make(uid, **inputs),)


class File:
    """A file as the engine's helper makes it: there under its name only when all was written."""

    def __init__(self, name):
        self.name, self.frames = name, []
        LOG.partial.add(name)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        LOG.partial.discard(self.name)
        if kind is None:
            LOG.files[self.name] = self.frames
            LOG.writes.append(self.name)


def save(self, stream, name, chunk, uid):
    """Generator sink with a file."""
    with File(name) as file:
        stream.reset()
        while True:
            wanted = chunk or stream.chunk_frames
            part = stream.pull(wanted)
            file.frames += numbers(part)
            yield len(part)
            if len(part) < wanted:
                break
    return {"ui": {"files": [name]}, "result": (name,)}


def plain(self, stream, name, chunk, uid):
    """The same as an ordinary function that drains in one call."""
    with File(name) as file:
        stream.reset()
        while True:
            wanted = chunk or 4096
            part = stream.pull(wanted)
            file.frames += numbers(part)
            if len(part) < wanted:
                break
    return {"ui": {"files": [name]}, "result": (name,)}


def collect(self, stream, uid):
    parts = list(stream.chunks(4096))
    LOG.seen[f"collect {uid}"] = len(parts)
    return (torch.cat(parts) if parts else frames([]),)


def collect_steps(self, stream, uid):
    parts = []
    for chunk in stream.chunks(4096):
        parts.append(chunk)
        yield len(chunk)
    return (torch.cat(parts) if parts else frames([]),)


def called(name, function):
    def run(self, uid, **inputs):
        LOG.calls.append(name)
        return (function(**inputs),)

    return run


SINK = {"stream": S, "name": T, "chunk": N}
EXPLICIT = {
    "src": v1((S,), {"n": N}, one(lambda uid, n: Counter(uid, n))),
    "src_unknown": v1((S,), {"n": N}, one(lambda uid, n: Counter(uid, n, known=False))),
    "src_fails": v1((S,), {"n": N, "at": N}, one(lambda uid, n, at: Counter(uid, n, fail_at=at))),
    "src_stop": v1((S,), {"n": N}, one(lambda uid, n: Counter(uid, n, fail_at=16, error=StopIteration))),
    "src_close_fails": v1((S,), {"n": N}, one(lambda uid, n: Counter(uid, n, fail_close=True))),
    "src_reuses": v1((S,), {"n": N}, one(lambda uid, n: Counter(uid, n, reuse=True))),
    "rep": v1((S,), {"stream": S, "k": N}, one(lambda uid, stream, k: Repeat(uid, stream, k))),
    "drop": v1((S,), {"stream": S, "k": N}, one(lambda uid, stream, k: Drop(uid, stream, k))),
    "delay": v1((S,), {"stream": S, "k": N}, one(lambda uid, stream, k: Delay(uid, stream, k))),
    "trim": v1((S,), {"stream": S, "n": N}, one(lambda uid, stream, n: Trim(uid, stream, n))),
    "add": v1((S,), {"stream": S, "v": N}, one(lambda uid, stream, v: Mapped(uid, stream, lambda c: c + v))),
    "inplace": v1((S,), {"stream": S}, one(lambda uid, stream: Mapped(uid, stream, lambda c: c.add_(1)))),
    "mix": v1((S,), {"a": S, "b": S}, one(lambda uid, a, b: Mix(uid, a, b))),
    "padmix": v1((S,), {"a": S, "b": S}, one(lambda uid, a, b: Mix(uid, a, b, pad=True))),
    "cat": v1((S,), {"a": S, "b": S}, one(lambda uid, a, b: Concat(uid, a, b))),
    "saver": v1(
        (S,),
        {"stream": S},
        one(lambda uid, stream: Saver(uid, stream)),
        HAS_INTERMEDIATE_OUTPUT=True,
        PASSTHROUGH="stream",
    ),
    "save": v1((T[0],), SINK, save, OUTPUT_NODE=True),
    "plain": v1((T[0],), SINK, plain, OUTPUT_NODE=True),
    "collect": v1((IMAGE,), {"stream": S}, collect),
    "collect_steps": v1((IMAGE,), {"stream": S}, collect_steps),
    "stream": v1((S,), {"image": IMAGE}, one(lambda uid, image: TensorImageStream(image))),
    "keep": v1(
        (),
        {"image": IMAGE},
        lambda self, image, uid: LOG.seen.update({uid: numbers(image)}) or {},
        OUTPUT_NODE=True,
    ),
    "show": v1(
        (), {"value": "*"}, lambda self, value, uid: LOG.seen.update({uid: value}) or {}, OUTPUT_NODE=True
    ),
    "double": v1(("INT",), {"v": N}, called("double", lambda v: 2 * v)),
    "raises": v1(("INT",), {"v": N}, called("raises", lambda v: 1 // 0)),
    "forward": v1(("*",), {"value": "*"}, one(lambda uid, value: value)),
    "forward_pulls": v1(("*",), {"value": "*"}, one(lambda uid, value: value.pull(1))),
}
