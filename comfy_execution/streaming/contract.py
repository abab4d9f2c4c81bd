"""What a stream is to the engine: protocols and records only. The classes authors use are in `comfy_api.streams`.

A stream is a replayable, pull-based sequence of frames with one consumer. `pull(n)` gives at most n frames; fewer mean
that this was the end. Every consumer of a stream output gets a *reader* of its own, whatever the fan-out; what a chunk
is (tensor, dict) only the stream's `frame_ops` know.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, Protocol

STREAM_TYPES = frozenset({"IMAGE_STREAM", "LATENT_STREAM"})
"""Socket types whose values are streams."""
STREAMABLE_TYPES = frozenset({"IMAGE", "MASK", "LATENT", "VIDEO"})
"""Ordinary socket types whose values are sequences of frames: their edges may be fused."""


class FrameOps(Protocol):
    """What the engine does with chunks of one kind."""

    def length(self, chunk: Any) -> int:
        """Number of frames."""

    def cut(self, chunk: Any, start: int, stop: int) -> Any:
        """Frames start..stop as a chunk; a view where that is possible."""

    def join(self, chunks: Sequence[Any]) -> Any:
        """Chunks one after another as one; at least one."""

    def size_bytes(self, chunk: Any) -> int:
        """Memory of the frames."""

    def empty(self, like: Any | None, dimensions: tuple[int, int] | None) -> Any:
        """Zero frames of the kind of `like`; without one, of the usual kind at (width, height)."""

    def digest(self, chunk: Any) -> int:
        """A number that changes when a frame does."""

    def dump(self, chunk: Any, file: BinaryIO) -> None:
        """Writes a chunk at the file's position."""

    def load(self, file: BinaryIO) -> Any:
        """Reads what `dump` wrote."""

    def reader(self, port: Port) -> FrameStream:
        """The stream object that a consumer gets; its hooks call the port."""

    def batch_stream(self, batch: Any) -> FrameStream:
        """A stream over a batch at hand."""


class FrameStream(Protocol):
    """A stream as the engine drives it."""

    @property
    def frame_ops(self) -> FrameOps:
        """What knows its chunks."""

    @property
    def frame_count(self) -> int | None:
        """Length when it is known."""

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second when it is known."""

    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height), None when only the content tells."""

    def reset(self) -> None:
        """Takes resources; the next pull gives frame 0."""

    def pull(self, max_frames: int) -> Any:
        """Up to so many frames; fewer mean the end."""

    def close(self, aborted: bool = False) -> None:
        """Releases everything. Idempotent."""


class Port(Protocol):
    """The engine's end of one consumer's reader."""

    @property
    def source(self) -> FrameStream:
        """The stream behind it."""

    @property
    def chunk_frames(self) -> int:
        """Frames that are pulled at a time here."""

    def reset(self) -> None:
        """Back to frame 0: nothing at frame 0, an error later."""

    def pull(self, max_frames: int) -> Any:
        """The consumer's next frames."""

    def release(self) -> None:
        """The consumer needs no more."""


class Signal:
    """An event that may be set from any thread and that wakes whoever waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._listeners: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Whether it was set and not cleared since."""
        return self._is_set

    def set(self) -> None:
        """Sets it and calls the listeners, in this thread."""
        with self._lock:
            self._is_set = True
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()

    def clear(self) -> None:
        """Takes it back."""
        self._is_set = False

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Has `listener` called at each `set`."""
        with self._lock:
            self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Undoes `add_listener`."""
        with self._lock:
            self._listeners.remove(listener)


@dataclass(frozen=True, slots=True)
class Park:
    """What a sink yields when it cannot go on: `came_in_time = yield Park(signal, deadline_s)`.

    The others are stepped meanwhile. The sink goes on with True when the signal is set, with False after `deadline_s`
    seconds (None: no deadline).
    """

    signal: Signal
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class StreamRoles:
    """What a node class declares about streams; names are input names."""

    frame_wise: tuple[str, ...] = ()
    """Per-frame inputs of a function that may be called chunk by chunk."""
    grain: int | None = None
    """The frame-wise function is called with frames [k * grain, (k + 1) * grain) only, streamed or not."""
    opens: bool = False
    """Has `open_stream`: source or interposer."""
    drains: bool = False
    """Has `drain_stream`: sink."""
    steps: bool = False
    """The ordinary function is a generator or an async generator."""
    steps_async: bool = False
    """The sink's function is an async generator."""
    estimates: bool = False
    """Has `stream_estimate`."""
    shapes: bool = False
    """Has `stream_shape`."""
    stream_inputs: tuple[str, ...] = ()
    """Inputs that `open_stream` and `drain_stream` take as streams."""
    explicit_inputs: tuple[str, ...] = ()
    """Inputs with a stream socket."""
    explicit_slots: tuple[int, ...] = ()
    """Outputs with a stream socket."""
    passes_any: bool = False
    """Has an output of any type, through which a stream may be forwarded."""
    passthrough: str | None = None
    """The input whose frames go unchanged to all stream outputs."""
    has_output_role: bool = False
    """Saves or shows something: an interposer with it is driven to the end of its input."""


def streams_in(value: Any) -> Sequence[FrameStream]:
    """The streams that a value holds: itself, or those inside a container like a VIDEO. Empty for all else."""
    held = getattr(type(value), "held_streams", None)
    return () if held is None else held(value)


def with_streams(value: Any, streams: Sequence[FrameStream]) -> Any:
    """`value` with its streams replaced, in the order of `streams_in`."""
    return value.with_streams(streams)


def port_of(stream: FrameStream) -> Port | None:
    """The port behind an engine-made reader, None for a stream of an author."""
    return getattr(stream, "port", None)


FrameKinds = Mapping[str, FrameOps]
"""What knows the chunks of an ordinary socket type, by type."""
