"""What chunks are: pictures (B,H,W,C), masks (B,H,W), latents. Cutting, joining, sizes, files; no stream classes.

torch is imported when a chunk is first touched. Results of `cut` are views.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from comfy_execution.streaming.contract import FrameOps, FrameStream, Port


class _Classes:
    """Which stream classes a kind of frame has; `stream_readers` says so, because those classes need the kinds."""

    _reader: Callable[[Port], FrameStream]
    _over_batch: Callable[[Any], FrameStream]

    def bind(self, reader: Callable[[Port], FrameStream], over_batch: Callable[[Any], FrameStream]) -> None:
        """Sets the class of readers and the class of streams over a batch."""
        self._reader, self._over_batch = reader, over_batch


class TensorFrames(_Classes):
    """Chunks that are tensors, frames along axis 0; `channels` is None for masks, which have no such axis."""

    def __init__(self, channels: int | None) -> None:
        self._channels = channels

    def length(self, chunk: Any) -> int:
        """Number of frames."""
        return int(chunk.shape[0])

    def cut(self, chunk: Any, start: int, stop: int) -> Any:
        """Frames start..stop, a view."""
        return chunk[start:stop]

    def join(self, chunks: Sequence[Any]) -> Any:
        """One tensor; the only chunk itself when there is one."""
        if len(chunks) == 1:
            return chunks[0]
        import torch

        return torch.cat(list(chunks), dim=0)

    def size_bytes(self, chunk: Any) -> int:
        """Memory of the frames."""
        return int(chunk.nbytes)

    def empty(self, like: Any | None, dimensions: tuple[int, int] | None) -> Any:
        """Zero frames like a chunk; without one (0,H,W,3) or (0,H,W) float32 on the CPU."""
        if like is not None:
            return like.new_empty((0, *like.shape[1:]))
        import torch

        width, height = dimensions or (0, 0)
        channels = () if self._channels is None else (self._channels,)
        return torch.empty((0, height, width, *channels))

    def digest(self, chunk: Any) -> int:
        """CRC of the bytes."""
        return zlib.crc32(_bytes_of(chunk))

    def dump(self, chunk: Any, file: BinaryIO) -> None:
        """Writes dtype, shape and bytes."""
        _dump_tensor(chunk, file)

    def load(self, file: BinaryIO) -> Any:
        """Reads one tensor, on the CPU."""
        return _load_tensor(file)

    def reader(self, port: Port) -> FrameStream:
        """An ImageStreamInput (or MaskStreamInput) over a port."""
        return self._reader(port)

    def batch_stream(self, batch: Any) -> FrameStream:
        """A stream over a batch."""
        return self._over_batch(batch)


class LatentFrames(_Classes):
    """Chunks that are LATENT dicts: rank 4 along the batch, rank 5 (one item) along time."""

    def length(self, chunk: Any) -> int:
        """Number of frames."""
        samples = chunk["samples"]
        return int(samples.shape[_axis(samples)])

    def cut(self, chunk: Any, start: int, stop: int) -> Any:
        """Frames start..stop: samples, per-frame masks and batch indices, `item_starts` counted from `start`."""
        samples = chunk["samples"]
        axis, frames = _axis(samples), self.length(chunk)
        out = {**chunk, "samples": samples.narrow(axis, start, max(0, stop - start))}
        mask = chunk.get("noise_mask")
        if mask is not None and _is_per_frame(mask, axis, frames):
            out["noise_mask"] = mask.narrow(axis, start, max(0, stop - start))
        if "batch_index" in chunk and len(chunk["batch_index"]) == frames:
            out["batch_index"] = list(chunk["batch_index"][start:stop])
        if "item_starts" in chunk:
            out["item_starts"] = [i - start for i in chunk["item_starts"] if start <= i < stop]
        return out

    def join(self, chunks: Sequence[Any]) -> Any:
        """One dict; keys that are not per frame come from the first."""
        if len(chunks) == 1:
            return chunks[0]
        import torch

        first = chunks[0]
        axis = _axis(first["samples"])
        out = {**first, "samples": torch.cat([chunk["samples"] for chunk in chunks], dim=axis)}
        lengths = [self.length(chunk) for chunk in chunks]
        masks = [chunk.get("noise_mask") for chunk in chunks]
        if all(m is not None and _is_per_frame(m, axis, n) for m, n in zip(masks, lengths, strict=True)):
            out["noise_mask"] = torch.cat(masks, dim=axis)
        if all(len(chunk.get("batch_index", ())) == n for chunk, n in zip(chunks, lengths, strict=True)):
            out["batch_index"] = [i for chunk in chunks for i in chunk["batch_index"]]
        if "item_starts" in first:
            offsets = [sum(lengths[:k]) for k in range(len(lengths))]
            out["item_starts"] = [
                i + offset
                for chunk, offset in zip(chunks, offsets, strict=True)
                for i in chunk["item_starts"]
            ]
        return out

    def size_bytes(self, chunk: Any) -> int:
        """Memory of samples and mask."""
        return sum(int(value.nbytes) for value in chunk.values() if hasattr(value, "nbytes"))

    def empty(self, like: Any | None, dimensions: tuple[int, int] | None) -> Any:
        """Zero frames like a chunk; without one (0,4,H/8,W/8) float32 on the CPU."""
        if like is not None:
            none = self.cut(like, 0, 0)
            tensors = {key: value for key, value in none.items() if hasattr(value, "new_empty")}
            return {**none, **{key: value.new_empty(value.shape) for key, value in tensors.items()}}
        import torch

        width, height = dimensions or (0, 0)
        return {"samples": torch.empty((0, 4, height // 8, width // 8))}

    def digest(self, chunk: Any) -> int:
        """CRC of samples and mask."""
        value = 0
        for key in ("samples", "noise_mask"):
            if chunk.get(key) is not None:
                value = zlib.crc32(_bytes_of(chunk[key]), value)
        return value

    def dump(self, chunk: Any, file: BinaryIO) -> None:
        """Writes the tensors, then the other keys."""
        tensors = {key: value for key, value in chunk.items() if hasattr(value, "nbytes")}
        pickle.dump([list(tensors), {k: v for k, v in chunk.items() if k not in tensors}, list(chunk)], file)
        for tensor in tensors.values():
            _dump_tensor(tensor, file)

    def load(self, file: BinaryIO) -> Any:
        """Reads what `dump` of this process wrote."""
        names, others, order = pickle.load(file)
        found = {**others, **{name: _load_tensor(file) for name in names}}
        return {key: found[key] for key in order}

    def reader(self, port: Port) -> FrameStream:
        """A LatentStreamInput over a port."""
        return self._reader(port)

    def batch_stream(self, batch: Any) -> FrameStream:
        """A stream over a LATENT."""
        return self._over_batch(batch)


IMAGE_FRAMES = TensorFrames(channels=3)
MASK_FRAMES = TensorFrames(channels=None)
LATENT_FRAMES = LatentFrames()
FRAME_KINDS: dict[str, FrameOps] = {"IMAGE": IMAGE_FRAMES, "MASK": MASK_FRAMES, "LATENT": LATENT_FRAMES}
"""What knows the chunks of an ordinary socket type; handed to the engine by whoever builds it."""


def _axis(samples: Any) -> int:
    """Frames of a latent: time for rank 5, the batch otherwise."""
    return 2 if samples.ndim == 5 else 0


def _is_per_frame(mask: Any, axis: int, frames: int) -> bool:
    return bool(mask.ndim > axis and (axis == 0 or mask.ndim == 5) and mask.shape[axis] == frames)


def _bytes_of(tensor: Any) -> bytes:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def _dump_tensor(tensor: Any, file: BinaryIO) -> None:
    data = _bytes_of(tensor)
    pickle.dump((str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), len(data)), file)
    file.write(data)


def _load_tensor(file: BinaryIO) -> Any:
    import torch

    dtype, shape, size = pickle.load(file)
    data = bytearray(file.read(size))
    if not data:
        return torch.empty(shape, dtype=getattr(torch, dtype))
    return torch.frombuffer(data, dtype=getattr(torch, dtype)).reshape(shape)
