"""Latents into a safetensors file while they come: memory does not grow with their number.

The header of the format stands first and names shapes that only the end knows, so room is kept for it and it is
padded with spaces (allowed by the format). Latents of pictures (N,C,h,w) are appended as they come. In a video latent
(B,C,T,h,w) time is not the outermost axis: its frames go into a spool file first and are sorted at the end, one
channel at a time.
Source: safetensors format (8 bytes of header length, JSON, data).
"""

from __future__ import annotations

import json
import math
import struct
import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from comfy_api.media.saving import write_all

TENSOR_KEY = "latent_tensor"
VERSION_KEY = "latent_format_version_0"

_SHAPE_ROOM = 512
"""Bytes kept for names, types, shapes and offsets: five axes of twenty digits fit several times."""


class LatentFileError(ValueError):
    """Latents of a stream do not fit into one tensor. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class LatentFileWriter:
    """Writes chunks of latents into an open file; call `finish` at the end, `close` in any case.

    Everything is stored as float32, as the ordinary latent files are.
    """

    def __init__(self, file: BinaryIO, metadata: Mapping[str, str]) -> None:
        self._file, self._metadata = file, dict(metadata)
        self._header_bytes = _padded(len(json.dumps(self._metadata).encode()) + _SHAPE_ROOM)
        self._frame: tuple[int, ...] | None = None
        self._rank = 4
        self._num_frames = 0
        self._item_starts: list[int] = []
        self._spool: Any = None

    def add(self, latent: Mapping[str, Any]) -> None:
        """A chunk: samples (n,C,h,w), or (1,C,n,h,w) with `item_starts` where a new video begins.

        Raises: LatentFileError for a frame of another shape.
        """
        samples: Tensor = latent["samples"].detach().to("cpu", torch.float32)
        frames = samples[0].movedim(1, 0) if samples.ndim == 5 else samples
        shape = tuple(int(side) for side in frames.shape[1:])
        if self._frame is None:
            self._frame, self._rank = shape, samples.ndim
            if samples.ndim == 5:
                self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
            write_all(self._file, b"\0" * (8 + self._header_bytes))
        if shape != self._frame or samples.ndim != self._rank:
            raise LatentFileError(f"frame {self._num_frames} is {shape}, the frames before it {self._frame}")
        starts = latent.get("item_starts", [0] if not self._num_frames else [])
        self._item_starts += [self._num_frames + start for start in starts]
        content = frames.contiguous().numpy().tobytes()
        write_all(self._file if self._spool is None else self._spool, content)
        self._num_frames += len(frames)

    def finish(self) -> None:
        """Sorts what waits and writes the header. Raises: LatentFileError without frames or for uneven videos."""
        if self._frame is None:
            raise LatentFileError("a latent needs at least one frame")
        shape: tuple[int, ...] = (self._num_frames, *self._frame)
        if self._spool is not None:
            shape = self._sorted()
        size = 4 * math.prod(shape)
        entries = {
            "__metadata__": self._metadata,
            TENSOR_KEY: {"dtype": "F32", "shape": list(shape), "data_offsets": [0, size]},
            VERSION_KEY: {"dtype": "F32", "shape": [0], "data_offsets": [size, size]},
        }
        if not self._metadata:
            del entries["__metadata__"]
        header = json.dumps(entries).encode().ljust(self._header_bytes)
        assert len(header) == self._header_bytes
        self._file.seek(0)
        write_all(self._file, struct.pack("<Q", self._header_bytes) + header)

    def close(self) -> None:
        """Drops the spool file."""
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()

    def _sorted(self) -> tuple[int, ...]:
        assert self._frame is not None
        items = max(1, len(self._item_starts))
        lengths = {
            b - a for a, b in zip(self._item_starts, [*self._item_starts[1:], self._num_frames], strict=True)
        }
        if len(lengths) > 1:
            raise LatentFileError(f"the videos have {sorted(lengths)} frames; one tensor needs equal lengths")
        per_item = self._num_frames // items
        self._spool.flush()
        channels = self._frame[0]
        frames = np.memmap(self._spool, np.float32, "r", shape=(items, per_item, *self._frame))
        try:
            for item in range(items):
                for channel in range(channels):
                    for frame in range(per_item):
                        write_all(self._file, frames[item, frame, channel].tobytes())
        finally:
            del frames
        return (items, channels, per_item, *self._frame[1:])


def _padded(size: int) -> int:
    """Up to a multiple of 8: data that follows is aligned."""
    return -(-size // 8) * 8
