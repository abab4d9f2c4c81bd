"""Conformance of streams: `check_stream(lambda: MyStream(...))` tries every rule of the contract.

Raises ConformanceError for the first rule that is broken, and says which. Use it in your pack's tests; the server's own
streams pass it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from comfy_api.streams import FrameStreamInput

CHUNK_SIZES = (1, 2, 3, 8)
"""Pulls that every stream is tried with, besides one that is larger than the stream."""
MAX_FRAMES = 4096
"""A stream that goes on for longer has no end as far as these checks can tell."""


class ConformanceError(AssertionError):
    """A stream or node broke a rule. Fields: `rule` (a few words), `detail`."""

    def __init__(self, rule: str, detail: str) -> None:
        self.rule, self.detail = rule, detail
        super().__init__(f"{rule}: {detail}")


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What a stream turned out to be."""

    frames: int
    chunk_sizes: tuple[int, ...]


class _Watch:
    """Counts a stream's own resets and closes, whatever the hooks do."""

    def __init__(self, stream: FrameStreamInput) -> None:
        self.resets = 0
        self.closes: list[bool] = []
        do_reset, do_close = stream.do_reset, stream.do_close

        def reset() -> None:
            self.resets += 1
            do_reset()

        def close(aborted: bool) -> None:
            self.closes.append(aborted)
            do_close(aborted)

        stream.do_reset, stream.do_close = reset, close  # type: ignore[method-assign]


def check_stream(
    make: Callable[[], FrameStreamInput], chunk_sizes: Sequence[int] = CHUNK_SIZES
) -> StreamReport:
    """Tries a stream with pulls of different sizes, replays, early ends and aborts. `make` gives a fresh one each time.

    Raises: ConformanceError; whatever the stream's hooks raise.
    """
    first = make()
    _check_before_reset(first)
    whole = _drain(first, chunk_sizes[0])
    frames = first.frame_ops.length(whole)
    _expect(
        first.frame_count is None or first.frame_count == frames,
        "frame_count is the length or None",
        f"it said {first.frame_count}, {frames} frames came",
    )
    digest = first.frame_ops.digest(whole)
    _check_replay(first, digest, chunk_sizes[0])
    sizes = (*chunk_sizes, frames + 1, max(1, frames))
    for size in sizes:
        stream = make()
        found = _drain(stream, size)
        _expect(
            stream.frame_ops.length(found) == frames and stream.frame_ops.digest(found) == digest,
            "the frames do not depend on how they are pulled",
            f"pulls of {size} gave other frames than pulls of {chunk_sizes[0]}",
        )
        stream.close()
    _check_end(make(), max(1, frames), frames)
    _check_close(make(), frames)
    return StreamReport(frames, tuple(sizes))


def _check_before_reset(stream: FrameStreamInput) -> None:
    dimensions = stream.get_dimensions()
    _expect(
        dimensions is None or (len(dimensions) == 2 and min(dimensions) > 0),
        "get_dimensions is (width, height) or None",
        f"it gave {dimensions!r} before the first pull",
    )


def _drain(stream: FrameStreamInput, size: int) -> Any:
    """All frames, by pulls of one size."""
    ops, total = stream.frame_ops, 0
    chunks: list[tuple[Any, int]] = []
    stream.reset()
    while True:
        chunk = stream.pull(size)
        length = ops.length(chunk)
        _expect(length <= size, "a pull never gives more than asked", f"pull({size}) gave {length} frames")
        held = ops.digest(chunk)
        if chunks:
            _expect(
                ops.digest(chunks[-1][0]) == chunks[-1][1],
                "a chunk that was handed over is not written to again",
                f"the chunk before frame {total} changed when the next one was pulled",
            )
        chunks.append((chunk, held))
        total += length
        _expect(total <= MAX_FRAMES, "a stream ends", f"no end after {total} frames")
        if length < size:
            return ops.join([c for c, _ in chunks if ops.length(c)] or [chunk])


def _check_replay(stream: FrameStreamInput, digest: int, size: int) -> None:
    for how in ("reset after the end", "reset after close"):
        if how == "reset after close":
            stream.close()
        again = _drain(stream, size)
        _expect(
            stream.frame_ops.digest(again) == digest, f"{how} replays the same frames", "other frames came"
        )
    stream.close()


def _check_end(stream: FrameStreamInput, size: int, frames: int) -> None:
    """After the end chunks are empty and look like the others."""
    stream.reset()
    first = stream.pull(size)
    for _ in range(3):
        last = stream.pull(size)
    ops = stream.frame_ops
    _expect(ops.length(last) == 0, "after the end chunks are empty", f"{ops.length(last)} frames came")
    if frames:
        _expect(
            _kind(first) == _kind(last),
            "an empty chunk keeps device, dtype and shape",
            f"{_kind(last)} after {_kind(first)}",
        )
    stream.close()


def _check_close(stream: FrameStreamInput, frames: int) -> None:
    """Close comes once per drain, also in the middle and when nothing was pulled; an abort is told."""
    watch = _Watch(stream)
    stream.close()
    stream.close()
    _expect(len(watch.closes) == 1, "close is idempotent", f"do_close was called {len(watch.closes)} times")
    stream.reset()
    if frames > 1:
        stream.pull(1)
    stream.close(aborted=True)
    stream.close()
    _expect(watch.closes[1:] == [True], "an aborted drain closes once and is told", f"{watch.closes[1:]}")


def _kind(chunk: Any) -> tuple[Any, ...]:
    tensor = chunk["samples"] if isinstance(chunk, dict) else chunk
    shape = list(tensor.shape)
    shape[2 if isinstance(chunk, dict) and tensor.ndim == 5 else 0] = 0
    return str(tensor.device), str(tensor.dtype), tuple(shape)


def _expect(holds: bool, rule: str, detail: str) -> None:
    if not holds:
        raise ConformanceError(rule, detail)
