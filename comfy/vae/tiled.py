"""Decoding and encoding in tiles that overlap, blended so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from comfy.images import tiling
from comfy.progress import ProgressBar


def three_passes(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    *,
    tile: tuple[int, int],
    overlap: int,
    scale: float,
    channels: int,
    device: torch.device,
) -> Tensor:
    """The mean of three tilings of different shape: wide, tall and as asked, so that seams fall on different places.

    `tile` (x, y) and `overlap` are in units of `samples` (B,C,h,w); the result is (B,channels,h*scale,w*scale).
    Progress is told tile by tile, so a long decode can be interrupted.
    Source: measured, vectors vae_kl_sd1 `tiled/*`.
    """
    tile_x, tile_y = tile
    shapes = ((tile_x // 2, tile_y * 2), (tile_x * 2, tile_y // 2), (tile_x, tile_y))
    rows, columns = samples.shape[-2:]
    steps = sum(tiling.get_tiled_scale_steps(columns, rows, x, y, overlap) for x, y in shapes)
    progress = ProgressBar(samples.shape[0] * steps)
    total: Tensor | None = None
    for width, height in shapes:
        result = tiling.tiled_scale(
            samples,
            function,
            width,
            height,
            overlap,
            upscale_amount=scale,
            out_channels=channels,
            output_device=device,
            pbar=progress,
        )
        total = result if total is None else total.add_(result)
    assert total is not None, "there are always three shapes"
    return total.div_(len(shapes))
