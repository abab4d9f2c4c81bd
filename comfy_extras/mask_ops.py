"""Mask tensors without nodes. Mask: (B,H,W) float32 0..1; image (B,H,W,C) float32 0..1."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from comfy.images import resampling
from comfy.images.batches import repeat_to_batch_size

Channel = Literal["red", "green", "blue", "alpha"]
CHANNELS: tuple[Channel, ...] = ("red", "green", "blue", "alpha")


def mask_as_batch(mask: Tensor) -> Tensor:
    """(H,W) or any (...,H,W) as (B,H,W)."""
    return mask.reshape(-1, mask.shape[-2], mask.shape[-1])


def mask_to_image(mask: Tensor) -> Tensor:
    """Grey images (B,H,W,3)."""
    return mask_as_batch(mask).unsqueeze(-1).expand(-1, -1, -1, 3)


def image_channel(image: Tensor, channel: str) -> Tensor:
    """One channel of images as a mask. Raises: IndexError for alpha of an image without it."""
    return image[:, :, :, CHANNELS.index(channel)]


def color_mask(image: Tensor, color: int) -> Tensor:
    """1 where an image has exactly the colour 0xRRGGBB, at 8 bits a channel."""
    levels = (image.clamp(0, 1) * 255).round().to(torch.int)
    packed = (levels[..., 0] << 16) + (levels[..., 1] << 8) + levels[..., 2]
    return (packed == color).float()


def composite(
    destination: Tensor,
    source: Tensor,
    x: int,
    y: int,
    mask: Tensor | None = None,
    multiplier: int = 8,
    resize_source: bool = False,
) -> Tensor:
    """A copy of `destination` (B,C,H,W) with `source` laid on it at (x, y), through a mask if there is one.

    One element is `multiplier` units of x and y (8 for latents placed in pixels, 1 for images). The mask is resized to
    the source; what lies outside of the destination is cut. Raises: RuntimeError when the parts do not overlap.
    """
    source = source.to(destination.device)
    if resize_source:
        source = F.interpolate(source, size=destination.shape[-2:], mode="bilinear")
    source = repeat_to_batch_size(source, destination.shape[0])
    left = max(-source.shape[-1] * multiplier, min(x, destination.shape[-1] * multiplier)) // multiplier
    top = max(-source.shape[-2] * multiplier, min(y, destination.shape[-2] * multiplier)) // multiplier
    weight = _composite_weight(source, mask)
    right, bottom = left + source.shape[-1], top + source.shape[-2]
    visible_w = destination.shape[-1] - left + min(0, left)
    visible_h = destination.shape[-2] - top + min(0, top)
    weight, part = weight[..., :visible_h, :visible_w], source[..., :visible_h, :visible_w]
    out = destination.clone()
    window = out[..., top:bottom, left:right]
    window[:] = weight * part + (1.0 - weight) * window
    return out


def combined(destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> Tensor:
    """A copy of the destination mask with `source` applied at (x, y): multiply, add, subtract, and, or,
    xor."""
    out, source = mask_as_batch(destination).clone(), mask_as_batch(source)
    part = source[:, : max(out.shape[1] - y, 0), : max(out.shape[2] - x, 0)]
    window = out[:, y : y + part.shape[1], x : x + part.shape[2]]
    bits, other = window.round().bool(), part.round().bool()
    if operation == "multiply":
        window[:] = window * part
    elif operation == "add":
        window[:] = window + part
    elif operation == "subtract":
        window[:] = window - part
    elif operation == "and":
        window[:] = (bits & other).float()
    elif operation == "or":
        window[:] = (bits | other).float()
    else:
        window[:] = (bits ^ other).float()
    return out.clamp(0.0, 1.0)


def feathered(mask: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """The mask fading out linearly over so many pixels at each side.

    At the right and bottom sides the ramp stands one pixel further out: its faintest step falls on the opposite edge.
    Source: measured: vectors imageops mask/FeatherMask; results of years of workflows hold it.
    """
    out = mask_as_batch(mask).clone()
    h, w = out.shape[-2:]
    columns = _ramp(w, min(left, w)) * _ramp(w, min(right, w)).flip(0).roll(1)
    rows = _ramp(h, min(top, h)) * _ramp(h, min(bottom, h)).flip(0).roll(1)
    return out * columns * rows[:, None]


def grown(mask: Tensor, pixels: int, tapered_corners: bool) -> Tensor:
    """The mask larger (or smaller, below 0) by so many pixels, corners cut (a diamond) or kept (a square)."""
    out = mask_as_batch(mask).clone()
    sign = 1.0 if pixels > 0 else -1.0
    for _ in range(min(abs(pixels), max(out.shape[-2:]))):
        out = _dilated(out * sign, tapered_corners) * sign
    return out


def cropped_to_multiple(tensor: Tensor, cell: int, axes: tuple[int, int]) -> Tensor:
    """The middle of a tensor whose two axes are cut to multiples of `cell`."""
    for axis in axes:
        rest = tensor.shape[axis] % cell
        if rest:
            tensor = tensor.narrow(axis, rest // 2, tensor.shape[axis] - rest)
    return tensor


def grey_under(image: Tensor, mask: Tensor) -> Tensor:
    """The image with middle grey where the mask (B,1,H,W) rounds to 1."""
    keep = (1.0 - mask.round()).movedim(1, -1)
    return (image - 0.5) * keep + 0.5


def grown_for_latent(mask: Tensor, pixels: int) -> Tensor:
    """The mask (B,1,H,W) grown by a square of that side, so that no seam is left at its border."""
    if pixels == 0:
        return mask
    kernel = torch.ones(1, 1, pixels, pixels, dtype=mask.dtype, device=mask.device)
    spread = F.conv2d(mask.round(), kernel, padding=math.ceil((pixels - 1) / 2))
    return spread.clamp(0, 1)[:, :, : mask.shape[-2], : mask.shape[-1]]


def _composite_weight(source: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.ones_like(source)
    planes = mask.to(source.device).reshape(-1, 1, mask.shape[-2], mask.shape[-1])
    planes = resampling.common_upscale(planes, source.shape[-1], source.shape[-2], "bilinear", "disabled")
    return repeat_to_batch_size(planes, source.shape[0])


def _ramp(length: int, width: int) -> Tensor:
    """1/width, 2/width ... 1 over the first `width` positions, 1 after them."""
    if width == 0:
        return torch.ones(length)
    return ((torch.arange(length, dtype=torch.float32) + 1) / width).clamp(max=1.0)


def _dilated(mask: Tensor, tapered_corners: bool) -> Tensor:
    """Each pixel becomes the largest of itself and its neighbours, with or without the diagonal ones."""
    planes = F.pad(mask.unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    if not tapered_corners:
        return F.max_pool2d(planes, 3, stride=1)[:, 0]
    rows = F.max_pool2d(planes[..., 1:-1], (3, 1), stride=1)
    columns = F.max_pool2d(planes[..., 1:-1, :], (1, 3), stride=1)
    return torch.maximum(rows, columns)[:, 0]
