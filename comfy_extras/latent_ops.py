"""Latent dicts without nodes: batches with their masks and noise numbers, composites, crops.

A latent is a dict with `samples` (B,C,H,W) or (B,C,T,H,W), maybe `noise_mask` and `batch_index` (which item
of a batch the noise of each entry is that of).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from comfy.images import resampling
from comfy.images.batches import repeat_to_batch_size

Latent = dict[str, Any]


def batch_slice(latent: Latent, start: int, length: int) -> Latent:
    """A run of items; `start` and `length` are cut to what is there."""
    samples: Tensor = latent["samples"]
    num = samples.shape[0]
    start = min(num - 1, start)
    stop = min(num, start + length)
    cut = {**latent, "samples": samples[start:stop].clone()}
    if latent.get("noise_mask") is not None:
        mask: Tensor = latent["noise_mask"]
        cut["noise_mask"] = (
            mask.clone() if mask.shape[0] == 1 else _repeated_to(mask, num)[start:stop].clone()
        )
    indices = latent.get("batch_index")
    cut["batch_index"] = list(range(start, stop)) if indices is None else indices[start:stop]
    return cut


def batch_repeat(latent: Latent, amount: int) -> Latent:
    """The whole batch `amount` times; noise numbers go on counting."""
    samples: Tensor = latent["samples"]
    repeated = {**latent, "samples": _tiled(samples, amount)}
    mask = latent.get("noise_mask")
    if mask is not None and mask.shape[0] > 1:
        repeated["noise_mask"] = _tiled(_repeated_to(mask, samples.shape[0]), amount)
    indices = latent.get("batch_index")
    if indices is not None:
        step = max(indices) - min(indices) + 1
        repeated["batch_index"] = [index + i * step for i in range(amount) for index in indices]
    return repeated


def composite_at(base: Tensor, patch: Tensor, x: int, y: int, feather: int = 0) -> Tensor:
    """A copy of `base` (B,C,H,W) with `patch` laid on it at a cell position, cut at the border.

    With `feather` the patch fades in over that many cells on each side that lies inside of the base.
    """
    out = base.clone()
    patch = patch[:, :, : max(base.shape[2] - y, 0), : max(base.shape[3] - x, 0)]
    height, width = patch.shape[2:]
    window = out[:, :, y : y + height, x : x + width]
    if feather <= 0:
        window[:] = patch
        return out
    weight = torch.ones_like(patch)
    for i in range(feather):
        ramp = (i + 1) / feather
        if y != 0:
            weight[:, :, i : i + 1] *= ramp
        if y + height < base.shape[2]:
            weight[:, :, max(height - 1 - i, 0) : max(height - i, 0)] *= ramp
        if x != 0:
            weight[:, :, :, i : i + 1] *= ramp
        if x + width < base.shape[3]:
            weight[:, :, :, max(width - 1 - i, 0) : max(width - i, 0)] *= ramp
    window[:] = patch * weight + window * (1.0 - weight)
    return out


def matched(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both tensors, the second resized and repeated to the first one's size and batch."""
    if first.shape[1:] != second.shape[1:]:
        second = resampling.common_upscale(second, first.shape[-1], first.shape[-2], "bilinear", "center")
    return first, repeat_to_batch_size(second, first.shape[0])


def interpolated(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    """Between two latents: directions of the channel vectors and their lengths are mixed apart from each other.

    `ratio` 1 gives the first. Cells of length 0 have no direction and stay 0 in the mix.
    """
    length1, length2 = (torch.linalg.vector_norm(t, dim=1, keepdim=True) for t in (first, second))
    direction = torch.nan_to_num(first / length1) * ratio + torch.nan_to_num(second / length2) * (1.0 - ratio)
    unit = torch.nan_to_num(direction / torch.linalg.vector_norm(direction, dim=1, keepdim=True))
    return unit * (length1 * ratio + length2 * (1.0 - ratio))


def cut(samples: Tensor, axis: int, index: int, amount: int) -> Tensor:
    """A stretch along one axis, moved and cut to what is there; a negative index counts from the end."""
    size = samples.shape[axis]
    start = min(index, size - 1) if index >= 0 else max(index, -size) + size
    return samples.narrow(axis, start, min(amount, size - start))


def joined_batch(first: Latent, second: Latent) -> Latent:
    """Both batches in one, each item with the noise number it had; the second is resized to the first."""
    samples1, samples2 = first["samples"], second["samples"]
    if samples1.shape[1:] != samples2.shape[1:]:
        samples2 = resampling.common_upscale(
            samples2, samples1.shape[-1], samples1.shape[-2], "bilinear", "center"
        )
    numbers = [
        latent.get("batch_index") or list(range(samples.shape[0]))
        for latent, samples in ((first, samples1), (second, samples2))
    ]
    return {**first, "samples": torch.cat((samples1, samples2)), "batch_index": numbers[0] + numbers[1]}


def _repeated_to(mask: Tensor, num: int) -> Tensor:
    """The mask repeated to at least `num` items, then cut to them."""
    return _tiled(mask, math.ceil(num / mask.shape[0]))[:num] if mask.shape[0] < num else mask


def _tiled(tensor: Tensor, amount: int) -> Tensor:
    return tensor.repeat(amount, *[1] * (tensor.ndim - 1))
