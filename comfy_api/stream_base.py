"""The stream classes that authors subclass. Import them from `comfy_api.streams`, with all that belongs to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar, final

from comfy_api.frames import IMAGE_FRAMES, LATENT_FRAMES, MASK_FRAMES
from comfy_execution.streaming.contract import FrameOps, FrameStream
from comfy_execution.streaming.errors import StreamContractError

DEFAULT_CHUNK = 8
"""Frames that `chunks` pulls at a time outside of the engine."""


class StreamState(Enum):
    """Where a stream stands between reset and close."""

    FRESH = "fresh"
    OPEN = "open"
    ENDED = "ended"
    CLOSED = "closed"


class FrameStreamInput(ABC):
    """Base of all streams. `reset`, `pull` and `close` are final; override the `do_*` hooks.

    Nothing costly may happen before `do_reset`; two drains give the same frames. State between chunks lives here,
    never on a model or a node object. A chunk that was handed over is never written to again.
    """

    frame_ops: ClassVar[FrameOps]
    frame_count: int | None = None
    """Length when it is known before the first frame. Set it, or make it a property."""
    frame_rate: Fraction | None = None
    """Frames per second when it is known."""
    is_live: bool = False
    """Frames come as the world makes them: the engine pulls them one by one."""
    work_bytes_per_frame: int = 0
    """Memory that making one frame takes beside the frames themselves."""

    models: Sequence[Any] = ()
    """Patchers of the models it uses: the engine loads those of a chain together, or keeps them from taking turns."""

    _state: StreamState = StreamState.FRESH
    _last: Any = None

    def __init__(self) -> None:
        self._state = StreamState.FRESH

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("reset", "pull", "close"):
            if name in vars(cls):
                raise TypeError(f"{cls.__qualname__}.{name} is final; override do_{name}")

    # ---- for consumers and the engine -----------------------------------------------------------------------------

    @final
    def reset(self) -> None:
        """Takes resources; the next pull gives frame 0. A stream in the middle of a drain is closed first."""
        if self._state in (StreamState.OPEN, StreamState.ENDED) and port_like(self) is None:
            self.close()
        self._state = StreamState.OPEN
        self.do_reset()

    @final
    def pull(self, max_frames: int) -> Any:
        """Up to `max_frames` frames; fewer, also none, mean that this was the end. After that: empty chunks.

        Raises: ValueError unless max_frames >= 1; StreamContractError when the hook returns too many frames or the
        stream is closed; whatever the hook raises.
        """
        if max_frames < 1:
            raise ValueError(f"pull takes a number of frames from 1 on, got {max_frames}")
        if self._state is StreamState.FRESH:
            self.reset()
        if self._state is StreamState.ENDED:
            return self.empty_chunk()
        if self._state is StreamState.CLOSED:
            raise StreamContractError(
                type(self).__name__, "it was pulled after close(); reset() opens it again"
            )
        chunk = self.do_pull(max_frames)
        length = 0 if chunk is None else self.frame_ops.length(chunk)
        if length > max_frames:
            raise StreamContractError(
                type(self).__name__,
                f"do_pull({max_frames}) returned {length} frames; at most {max_frames} may come",
            )
        if length and self._last is None:
            self._last = self.frame_ops.empty(chunk, None)  # of its own: a view would keep the whole chunk
        if length < max_frames:
            self._state = StreamState.ENDED
        return chunk if length else self.empty_chunk(chunk)

    @final
    def close(self, aborted: bool = False) -> None:
        """Releases everything; `aborted` says that the drain did not come to its end. Idempotent."""
        if self._state is StreamState.CLOSED:
            return
        self._state = StreamState.CLOSED
        self.do_close(aborted)

    @final
    def chunks(self, max_frames: int | None = None) -> Iterator[Any]:
        """All chunks from here to the end, none of them empty, each of at most `max_frames` frames.

        Inside the engine a chunk is never larger than what the engine pulls at a time.
        """
        if self._state is StreamState.FRESH:
            self.reset()
        while True:
            wanted = self.chunk_frames if max_frames is None else max(1, min(max_frames, self.chunk_frames))
            chunk = self.pull(wanted)
            length = self.frame_ops.length(chunk)
            if length:
                yield chunk
            if length < wanted:
                return

    @property
    def chunk_frames(self) -> int:
        """How many frames to pull at a time."""
        return DEFAULT_CHUNK

    def empty_chunk(self, like: Any = None) -> Any:
        """Zero frames with device, dtype and shape of the chunks before; the usual kind if there were none."""
        known = self._last if self._last is not None else like
        return self.frame_ops.empty(known, None if known is not None else self.get_dimensions())

    # ---- for authors ----------------------------------------------------------------------------------------------

    @abstractmethod
    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height) in pixels, or None when only the content tells. May be asked before `reset`."""

    @abstractmethod
    def do_reset(self) -> None:
        """Takes resources and goes to frame 0."""

    @abstractmethod
    def do_pull(self, max_frames: int) -> Any:
        """Up to `max_frames` frames, never more; fewer only at the end."""

    def do_close(self, aborted: bool) -> None:  # noqa: B027 - optional hook
        """Releases what `do_reset` and `do_pull` took. Called once per drain, however it ends."""

    def do_finish(self) -> dict[str, Any] | None:
        """Called once when all frames were handed on, before close: what stays (a file) takes its name. Gives a ui."""
        return None

    # ---- for the engine -------------------------------------------------------------------------------------------

    def held_streams(self) -> Sequence[FrameStream]:
        """A stream holds itself."""
        return (self,)

    def with_streams(self, streams: Sequence[FrameStream]) -> FrameStream:
        """A stream is replaced as a whole."""
        return streams[0]


class ImageStreamInput(FrameStreamInput):
    """A stream of pictures: chunks (B,H,W,C) float 0..1."""

    frame_ops = IMAGE_FRAMES


class MaskStreamInput(FrameStreamInput):
    """A stream of masks: chunks (B,H,W) 0..1. There is no socket for it; fused edges carry it."""

    frame_ops = MASK_FRAMES


class LatentStreamInput(FrameStreamInput):
    """A stream of latents: LATENT dicts, rank 4 cut along the batch, rank 5 (one item) along time.

    Where one stream holds several items of a video batch one after another, a chunk's `item_starts` lists the indices
    in it at which a new item begins; causal caches restart there.
    """

    frame_ops = LATENT_FRAMES

    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height) of the pictures the latents stand for, when known."""
        return None


def port_like(stream: object) -> object | None:
    """The engine's port behind a reader, None for an author's stream."""
    return getattr(stream, "port", None)
