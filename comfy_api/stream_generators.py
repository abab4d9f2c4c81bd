"""Streams from generators: a source or an interposer in a few lines.

    def fade(stream):
        for chunk in stream.chunks():
            yield chunk * 0.5

    return image_stream(lambda: fade(stream), sources=[stream])

A generator yields chunks of any length; the stream cuts them to what is asked. Its `finally` blocks run at close.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from comfy_api.stream_base import FrameStreamInput, ImageStreamInput, LatentStreamInput, MaskStreamInput

Frames = Callable[[], Iterator[Any]]
"""Makes a fresh generator of chunks; called at each reset."""


class _GeneratorMixin:
    """Cuts what a generator yields to what is asked; holds at most one yielded chunk."""

    frame_ops: Any

    def __init__(
        self,
        frames: Frames,
        *,
        sources: Sequence[FrameStreamInput] = (),
        dimensions: tuple[int, int] | None = None,
        frame_count: int | None = None,
        frame_rate: Fraction | None = None,
    ) -> None:
        self._make = frames
        self._sources = tuple(sources)
        self._dimensions = dimensions
        self._running: Iterator[Any] | None = None
        self._rest: Any = None
        self.frame_count = frame_count
        self.frame_rate = frame_rate

    def get_dimensions(self) -> tuple[int, int] | None:
        """As given; else as the first source says."""
        if self._dimensions is not None or not self._sources:
            return self._dimensions
        return self._sources[0].get_dimensions()

    def do_reset(self) -> None:
        for source in self._sources:
            source.reset()
        self._running, self._rest = self._make(), None

    def do_pull(self, max_frames: int) -> Any:
        ops, missing = self.frame_ops, max_frames
        parts: list[Any] = []
        while missing:
            chunk = self._rest if self._rest is not None else next(self._running or iter(()), None)
            self._rest = None
            if chunk is None:
                break
            length = ops.length(chunk)
            if length > missing:
                chunk, self._rest = ops.cut(chunk, 0, missing), ops.cut(chunk, missing, length)
                length = missing
            if length or not parts:
                parts.append(chunk)
            missing -= length
        return ops.join(parts) if parts else None

    def do_close(self, aborted: bool) -> None:
        running, self._running, self._rest = self._running, None, None
        stop = getattr(running, "close", None)
        if stop is not None:
            stop()


class _ImageGenerator(_GeneratorMixin, ImageStreamInput):
    """Pictures from a generator."""


class _MaskGenerator(_GeneratorMixin, MaskStreamInput):
    """Masks from a generator."""


class _LatentGenerator(_GeneratorMixin, LatentStreamInput):
    """Latents from a generator."""


def image_stream(
    frames: Frames,
    *,
    sources: Sequence[FrameStreamInput] = (),
    dimensions: tuple[int, int] | None = None,
    frame_count: int | None = None,
    frame_rate: Fraction | None = None,
) -> ImageStreamInput:
    """A stream of the pictures (B,H,W,C) that a generator yields.

    `sources` are the streams it reads (an interposer's inputs): they are reset with it, and the first one gives the
    dimensions that are not given here. Length and rate are unknown unless given, since a generator may change both.
    """
    return _ImageGenerator(
        frames, sources=sources, dimensions=dimensions, frame_count=frame_count, frame_rate=frame_rate
    )


def mask_stream(
    frames: Frames, *, sources: Sequence[FrameStreamInput] = (), frame_count: int | None = None
) -> MaskStreamInput:
    """As `image_stream`, of masks (B,H,W)."""
    return _MaskGenerator(frames, sources=sources, frame_count=frame_count)


def latent_stream(
    frames: Frames,
    *,
    sources: Sequence[FrameStreamInput] = (),
    dimensions: tuple[int, int] | None = None,
    frame_count: int | None = None,
    frame_rate: Fraction | None = None,
) -> LatentStreamInput:
    """As `image_stream`, of LATENT dicts."""
    return _LatentGenerator(
        frames, sources=sources, dimensions=dimensions, frame_count=frame_count, frame_rate=frame_rate
    )


def mapped_stream(stream: FrameStreamInput, function: Callable[[Any], Any]) -> FrameStreamInput:
    """A stream whose chunks are `function(chunk)`: as many frames as came in, of the same kind."""
    kinds = {ImageStreamInput: image_stream, LatentStreamInput: latent_stream, MaskStreamInput: mask_stream}
    make: Any = next(made for kind, made in kinds.items() if isinstance(stream, kind))

    def frames() -> Iterator[Any]:
        for chunk in stream.chunks():
            yield function(chunk)

    made: FrameStreamInput = make(frames, sources=[stream], frame_count=stream.frame_count)
    made.frame_rate = stream.frame_rate
    return made
