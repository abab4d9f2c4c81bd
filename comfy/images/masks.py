"""Masks brought to the shape of what they mask."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from comfy.images.batches import repeat_to_batch_size


def reshape_mask(input_mask: Tensor, output_shape: Sequence[int]) -> Tensor:
    """A mask at picture size as a mask of a latent: resized linearly, repeated over channels and batch.

    Shape: any mask whose last two axes are height and width (leading ones are frames or batch) ->
    `output_shape` (B,C,L), (B,C,H,W) or (B,C,T,H,W).
    """
    dims = len(output_shape) - 2
    if dims == 1:
        mode, mask = "linear", input_mask.reshape((-1, 1, input_mask.shape[-1]))
    elif dims == 2:
        mode, mask = "bilinear", input_mask.reshape((-1, 1, *input_mask.shape[-2:]))
    else:
        mode = "trilinear"
        frames = input_mask
        if frames.ndim < 5:
            frames = frames.reshape((1, 1, -1, *input_mask.shape[-2:]))
        mask = frames
    mask = torch.nn.functional.interpolate(mask, size=tuple(output_shape[2:]), mode=mode)
    if mask.shape[1] < output_shape[1]:
        mask = mask.repeat((1, output_shape[1]) + (1,) * dims)[:, : output_shape[1]]
    return repeat_to_batch_size(mask, output_shape[0])


def upscale_dit_mask(mask: Tensor, img_size_in: Sequence[int], img_size_out: Sequence[int]) -> Tensor:
    """An attention mask over text then picture tokens, for a larger picture.

    Shape: (rows, text + h_in * w_in) -> (1, rows', text + h_out * w_out) where picture rows are resized as well;
    text rows stay. Nearest-neighbour, values unchanged.
    """
    h_in, w_in = img_size_in
    h_out, w_out = img_size_out
    num_text = mask.shape[0] - h_in * w_in
    if num_text < 0 or mask.ndim != 2:
        message = f"mask {tuple(mask.shape)} is no square over more than {h_in}x{w_in} picture tokens"
        raise ValueError(message)

    def stretch(rows: Tensor) -> Tensor:
        grid = rows[:, num_text:].reshape(-1, 1, h_in, w_in).float()
        grid = torch.nn.functional.interpolate(grid, size=(h_out, w_out), mode="nearest")
        return torch.cat([rows[:, :num_text].float(), grid.reshape(-1, h_out * w_out)], dim=1)

    wide = stretch(mask)
    tall = stretch(wide.t().contiguous()) if math.prod(img_size_out) else wide
    return tall.t().contiguous().to(mask.dtype).unsqueeze(0)


def mask_bounds(masks: Tensor) -> tuple[Tensor, Tensor]:
    """The tight box of each mask (B,H,W) and whether it is empty.

    Returns: boxes (B,4) int (left, top, right, bottom; inclusive; zero where empty) and is_empty (B,) bool.
    """
    boxes = torch.zeros((masks.shape[0], 4), device=masks.device, dtype=torch.int)
    is_empty = torch.zeros(masks.shape[0], device=masks.device, dtype=torch.bool)
    for i, mask in enumerate(masks):
        rows, columns = torch.where(mask)
        if rows.numel() == 0:
            is_empty[i] = True
            continue
        boxes[i] = torch.stack([columns.min(), rows.min(), columns.max(), rows.max()]).int()
    return boxes, is_empty
