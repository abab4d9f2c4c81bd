"""Decoding and encoding in tiles that overlap, blended so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from comfy.images import tiling


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
    Source: measured, vectors vae_kl_sd1 `tiled/*`.
    """
    tile_x, tile_y = tile
    shapes = ((tile_x // 2, tile_y * 2), (tile_x * 2, tile_y // 2), (tile_x, tile_y))
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
        )
        total = result if total is None else total.add_(result)
    assert total is not None, "there are always three shapes"
    return total.div_(len(shapes))
