"""Working on a large tensor tile by tile, with tiles that overlap and fade into each other.

Positions, sizes and order are chosen as clients know them from upstream, so that results agree to rounding.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Scale = float | Callable[[float], float]
"""A factor, or a function of a length, from input cells to output cells."""


def get_tiled_scale_steps(width: int, height: int, tile_x: int, tile_y: int, overlap: int) -> int:
    """Number of tiles of one item."""

    def along(length: int, tile: int) -> int:
        return 1 if length <= tile else math.ceil((length - overlap) / (tile - overlap))

    return along(height, tile_y) * along(width, tile_x)


def _per_axis(value: Any, dims: int) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value] * dims


def _scaled(scale: Scale, length: float, invert: bool = False) -> float:
    if callable(scale):
        return scale(length)
    return length / scale if invert else length * scale


def _fade(mask: Tensor, axis: int, width: int) -> None:
    """Ramps a mask, in place, towards both ends of an axis."""
    if width >= mask.shape[axis]:
        return
    for t in range(width):
        share = (t + 1) / width
        mask.narrow(axis, t, 1).mul_(share)
        mask.narrow(axis, mask.shape[axis] - 1 - t, 1).mul_(share)


@torch.no_grad()
def tiled_scale_multidim(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    tile: Sequence[int] = (64, 64),
    overlap: int | Sequence[int] = 8,
    upscale_amount: Scale | Sequence[Scale] = 4,
    out_channels: int = 3,
    output_device: torch.device | str = "cpu",
    downscale: bool = False,
    index_formulas: Scale | Sequence[Scale] | None = None,
    pbar: Any = None,
) -> Tensor:
    """`function` of (1,C,...) tiles, joined: (B,C,...) -> (B,out_channels,...) float32 on `output_device`.

    `upscale_amount` gives output lengths from input lengths per axis (with `downscale` a factor divides),
    `index_formulas` output positions from input positions (default: the same). `pbar` gets one step per tile.
    An item that fits into one tile goes through whole.
    Raises: ValueError where tiles would not move on, because their overlap is as long as they are.
    """
    dims = len(tile)
    overlaps = _per_axis(overlap, dims)
    scales = _per_axis(upscale_amount, dims)
    positions = scales if index_formulas is None else _per_axis(index_formulas, dims)

    for axis in range(dims):
        if samples.shape[axis + 2] > tile[axis] <= overlaps[axis]:
            msg = f"tiles of {tile[axis]} with an overlap of {overlaps[axis]} never reach the end (axis {axis + 2})"
            raise ValueError(msg)

    def out_length(axis: int, length: float) -> int:
        return round(_scaled(scales[axis], length, downscale))

    def out_position(axis: int, position: float) -> int:
        return round(_scaled(positions[axis], position, downscale))

    lengths = samples.shape[2:]
    out_shape = [out_length(axis, lengths[axis]) for axis in range(dims)]
    output = torch.empty([samples.shape[0], out_channels, *out_shape], device=output_device)

    starts = [
        range(0, lengths[axis] - overlaps[axis], tile[axis] - overlaps[axis])
        if lengths[axis] > tile[axis]
        else range(1)
        for axis in range(dims)
    ]
    for b in range(samples.shape[0]):
        item = samples[b : b + 1]
        if all(lengths[axis] <= tile[axis] for axis in range(dims)):
            output[b : b + 1] = function(item).to(output_device)
            if pbar is not None:
                pbar.update(1)
            continue
        total = torch.zeros([1, out_channels, *out_shape], device=output_device)
        weight = torch.zeros_like(total)
        for start in itertools.product(*starts):
            part = item
            corner = []
            for axis in range(dims):
                position = max(0, min(lengths[axis] - overlaps[axis], start[axis]))
                part = part.narrow(axis + 2, position, min(tile[axis], lengths[axis] - position))
                corner.append(out_position(axis, position))
            result = function(part).to(output_device)
            mask = torch.ones_like(result)
            for axis in range(dims):
                _fade(mask, axis + 2, out_length(axis, overlaps[axis]))
            target, target_weight = total, weight
            for axis in range(dims):
                length = mask.shape[axis + 2]
                target = target.narrow(axis + 2, corner[axis], length)
                target_weight = target_weight.narrow(axis + 2, corner[axis], length)
            target.add_(result * mask)
            target_weight.add_(mask)
            if pbar is not None:
                pbar.update(1)
        output[b : b + 1] = total / weight
    return output


def tiled_scale(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    tile_x: int = 64,
    tile_y: int = 64,
    overlap: int = 8,
    upscale_amount: float = 4,
    out_channels: int = 3,
    output_device: torch.device | str = "cpu",
    pbar: Any = None,
) -> Tensor:
    """`tiled_scale_multidim` for pictures (B,C,H,W)."""
    return tiled_scale_multidim(
        samples,
        function,
        (tile_y, tile_x),
        overlap=overlap,
        upscale_amount=upscale_amount,
        out_channels=out_channels,
        output_device=output_device,
        pbar=pbar,
    )
