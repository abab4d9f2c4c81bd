"""Image tensors without nodes. Image: (B,H,W,C) float32 0..1, C 3 or 4; mask: (B,H,W) float32 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from comfy.images import resampling
from comfy.memory import devices
from comfy_extras.errors import SizeError

FLOAT32_BYTES = 4


def require_memory(shape: Sequence[int], input_name: str, value: object) -> None:
    """Refuses a float32 tensor that is larger than the memory of this machine.

    Raises: SizeError naming the input, before anything is allocated.
    """
    needed, there = prod(shape) * FLOAT32_BYTES, devices.total_ram_bytes()
    if needed > there:
        raise SizeError(
            input_name,
            value,
            f"asks for {needed >> 20} MiB, this machine has {there >> 20}; give a smaller size or batch",
        )


def scaled_size(width: int, height: int, new_width: int, new_height: int) -> tuple[int, int]:
    """The new width and height where 0 stands for "keep the aspect ratio"; both 0 changes nothing."""
    if new_width == 0 and new_height == 0:
        return width, height
    if new_width == 0:
        return max(1, round(width * new_height / height)), new_height
    if new_height == 0:
        return new_width, max(1, round(height * new_width / width))
    return new_width, new_height


def resized(image: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """The image at another size; `crop` "center" cuts to the new aspect ratio first."""
    return resampling.common_upscale(image.movedim(-1, 1), width, height, method, crop).movedim(1, -1)


def with_channels(image: Tensor, channels: int) -> Tensor:
    """The image with further channels of ones (an opaque alpha) up to the given number."""
    missing = channels - image.shape[-1]
    return image if missing <= 0 else torch.nn.functional.pad(image, (0, missing), value=1.0)


def joined_batch(first: Tensor, second: Tensor) -> Tensor:
    """Both batches in one; the second is resized to the first, missing alpha is opaque."""
    channels = max(first.shape[-1], second.shape[-1])
    first, second = with_channels(first, channels), with_channels(second, channels)
    if first.shape[1:3] != second.shape[1:3]:
        second = resized(second, first.shape[2], first.shape[1], "bilinear", "center")
    return torch.cat((first, second), dim=0)


def solid_image(width: int, height: int, batch_size: int, color: int) -> Tensor:
    """One colour 0xRRGGBB everywhere."""
    levels = torch.tensor([(color >> shift) & 0xFF for shift in (16, 8, 0)], dtype=torch.float32) / 255
    return levels.expand(batch_size, height, width, 3).clone()


def cropped(image: Tensor, width: int, height: int, x: int, y: int) -> Tensor:
    """A view of a rectangle, its corner moved inside and its far sides cut at the image's."""
    x, y = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return image[:, y : y + height, x : x + width]


def fitted(image: Tensor, width: int, height: int, method: str, level: float) -> Tensor:
    """The whole image, its aspect ratio kept, in the middle of a canvas of one grey level."""
    b, h, w, channels = image.shape
    scale = min(width / w, height / h)
    inner_w, inner_h = max(1, int(w * scale)), max(1, int(h * scale))
    canvas = torch.full((b, height, width, channels), level, dtype=image.dtype, device=image.device)
    left, top = (width - inner_w) // 2, (height - inner_h) // 2
    canvas[:, top : top + inner_h, left : left + inner_w] = resized(image, inner_w, inner_h, method)
    return canvas


def grained(image: Tensor, seed: int, strength: float) -> Tensor:
    """The image plus `strength` times normal noise of the seed, cut to 0..1."""
    noise = torch.randn(image.size(), generator=torch.Generator().manual_seed(seed))
    return (image + strength * noise.to(image.device)).clamp(0.0, 1.0)


def outpaint_canvas(
    image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int
) -> tuple[Tensor, Tensor]:
    """The image on a larger grey canvas, and the mask (1,H,W) of what is to be painted.

    The mask is 1 on the new border and fades inwards as the square of the distance over `feathering` pixels,
    only along sides that grow, and only if the image is larger than twice that.
    """
    b, h, w, channels = image.shape
    canvas = torch.full((b, top + h + bottom, left + w + right, channels), 0.5, dtype=torch.float32)
    canvas[:, top : top + h, left : left + w] = image
    mask = torch.ones(canvas.shape[1:3], dtype=torch.float32)
    inner = torch.zeros(h, w)
    if feathering > 0 and feathering * 2 < h and feathering * 2 < w:
        rows = _edge_distance(h, bool(top), bool(bottom), far=h)
        columns = _edge_distance(w, bool(left), bool(right), far=w)
        distance = torch.minimum(rows[:, None], columns[None, :])
        inner = ((feathering - distance) / feathering).clamp(min=0) ** 2
    mask[top : top + h, left : left + w] = inner
    return canvas, mask.unsqueeze(0)


def _edge_distance(length: int, has_start: bool, has_end: bool, far: int) -> Tensor:
    """Distance of every pixel to the nearest side that grows, `far` where none does."""
    at = torch.arange(length, dtype=torch.float32)
    start = at if has_start else torch.full_like(at, far)
    end = length - at if has_end else torch.full_like(at, far)
    return torch.minimum(start, end)
