"""Streams that are not an author's: readers that the engine hands to consumers, streams over batches.

`TensorImageStream` and `TensorLatentStream` are public too: a node that has a batch and must return a stream.
Importing this tells the frame kinds which classes are theirs.
"""

from __future__ import annotations

from typing import Any

from comfy_api.frames import IMAGE_FRAMES, LATENT_FRAMES, MASK_FRAMES
from comfy_api.stream_base import ImageStreamInput, LatentStreamInput, MaskStreamInput
from comfy_execution.streaming.contract import Port


class _ReaderMixin:
    """What a consumer reads: every hook goes to the engine's port, unknown attributes to the stream behind it."""

    port: Port

    def __init__(self, port: Port) -> None:
        self.port = port

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "port":
            raise AttributeError(name)
        return getattr(self.port.source, name)

    @property
    def frame_count(self) -> int | None:
        return self.port.source.frame_count

    @property
    def frame_rate(self) -> Any:
        return self.port.source.frame_rate

    @property
    def is_live(self) -> bool:
        return bool(getattr(self.port.source, "is_live", False))

    @property
    def chunk_frames(self) -> int:
        return self.port.chunk_frames

    def get_dimensions(self) -> tuple[int, int] | None:
        return self.port.source.get_dimensions()

    def do_reset(self) -> None:
        self.port.reset()

    def do_pull(self, max_frames: int) -> Any:
        return self.port.pull(max_frames)

    def do_close(self, aborted: bool) -> None:
        self.port.release()


class ImageReader(_ReaderMixin, ImageStreamInput):  # type: ignore[override]  # plain attributes become properties
    """A reader of pictures."""


class MaskReader(_ReaderMixin, MaskStreamInput):  # type: ignore[override]
    """A reader of masks."""


class LatentReader(_ReaderMixin, LatentStreamInput):  # type: ignore[override]
    """A reader of latents."""


class _BatchMixin:
    """Frames of a batch at hand; chunks are views of it."""

    batch: Any
    _at: int = 0

    def do_reset(self) -> None:
        self._at = 0

    def do_close(self, aborted: bool) -> None:
        """The batch stays: it belongs to whoever made it."""

    def _advance(self, max_frames: int, total: int) -> tuple[int, int]:
        start, self._at = self._at, min(total, self._at + max_frames)
        return start, self._at


class TensorImageStream(_BatchMixin, ImageStreamInput):
    """A stream over an IMAGE batch (B,H,W,C)."""

    def __init__(self, images: Any) -> None:
        super().__init__()
        self.batch = images
        self.frame_count = int(images.shape[0])

    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height) of the batch."""
        return int(self.batch.shape[2]), int(self.batch.shape[1])

    def do_pull(self, max_frames: int) -> Any:
        """The next frames, a view of the batch."""
        start, stop = self._advance(max_frames, int(self.batch.shape[0]))
        return self.batch[start:stop]


class TensorMaskStream(_BatchMixin, MaskStreamInput):
    """A stream over a MASK batch (B,H,W)."""

    def __init__(self, masks: Any) -> None:
        super().__init__()
        self.batch = masks if masks.ndim > 2 else masks[None]
        self.frame_count = int(self.batch.shape[0])

    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height) of the batch."""
        return int(self.batch.shape[2]), int(self.batch.shape[1])

    def do_pull(self, max_frames: int) -> Any:
        """The next frames, a view of the batch."""
        start, stop = self._advance(max_frames, int(self.batch.shape[0]))
        return self.batch[start:stop]


class TensorLatentStream(_BatchMixin, LatentStreamInput):
    """A stream over a LATENT: rank 4 item by item, rank 5 all frames of item 0, then of item 1, ..."""

    def __init__(self, latent: dict[str, Any]) -> None:
        super().__init__()
        self.batch = latent
        samples = latent["samples"]
        self._items = int(samples.shape[0]) if samples.ndim == 5 else 1
        self._per_item = int(samples.shape[2]) if samples.ndim == 5 else int(samples.shape[0])
        self.frame_count = self._items * self._per_item

    def do_pull(self, max_frames: int) -> Any:
        """The next frames; a chunk that crosses into another item is a copy and says so in `item_starts`."""
        assert self.frame_count is not None
        start, stop = self._advance(max_frames, self.frame_count)
        if self.batch["samples"].ndim != 5:
            return self.frame_ops.cut(self.batch, start, stop)
        parts = []
        while start < stop:
            item, first = divmod(start, self._per_item)
            last = min(self._per_item, first + stop - start)
            parts.append(self.frame_ops.cut(self._item(item), first, last))
            start += last - first
        return self.frame_ops.join(parts) if parts else self.frame_ops.cut(self._item(0), 0, 0)

    def _item(self, index: int) -> dict[str, Any]:
        """One item of the batch with B = 1."""
        item = {**self.batch, "samples": self.batch["samples"][index : index + 1], "item_starts": [0]}
        mask = self.batch.get("noise_mask")
        if mask is not None and mask.shape[0] == self._items:
            item["noise_mask"] = mask[index : index + 1]
        if "batch_index" in self.batch:
            item["batch_index"] = list(self.batch["batch_index"][index : index + 1])
        return item


IMAGE_FRAMES.bind(ImageReader, TensorImageStream)
MASK_FRAMES.bind(MaskReader, TensorMaskStream)
LATENT_FRAMES.bind(LatentReader, TensorLatentStream)
