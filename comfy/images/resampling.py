"""Resizing pictures and latents (B,C,H,W), videos (B,C,T,H,W) frame by frame."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

# Cosines closer to 1 or -1 than this have no stable arc between them.
PARALLEL = 1e-5


def _slerp(a: Tensor, b: Tensor, ratio: Tensor) -> Tensor:
    """Between two sets of vectors along the arc, lengths linearly; a, b (N,C), ratio (N,1) 0..1.

    Source: Shoemake 1985, "Animating rotation with quaternion curves", section 3.3.
    """
    a_norm, b_norm = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    a_unit = torch.where(a_norm == 0, 0.0, a / a_norm)
    b_unit = torch.where(b_norm == 0, 0.0, b / b_norm)
    cosine = (a_unit * b_unit).sum(dim=1, keepdim=True)
    omega = torch.acos(cosine)
    sine = torch.sin(omega)
    arc = torch.sin((1.0 - ratio) * omega) / sine * a_unit + torch.sin(ratio * omega) / sine * b_unit
    arc = arc * (a_norm * (1.0 - ratio) + b_norm * ratio)
    arc = torch.where(cosine > 1 - PARALLEL, a, arc)
    return torch.where(cosine < PARALLEL - 1, a * (1.0 - ratio) + b * ratio, arc)


def _slerp_along_width(samples: Tensor, width: int) -> Tensor:
    """One pass of `bislerp`: (B,C,H,W) -> (B,C,H,width)."""
    old = samples.shape[3]
    centers = (torch.arange(width, dtype=torch.float32, device=samples.device) + 0.5) * (old / width) - 0.5
    position = centers.clamp(0, old - 1)
    low = position.floor().long()
    high = (low + 1).clamp(max=old - 1)
    ratio = position - low
    b, c, h, _ = samples.shape
    vectors = samples.movedim(1, -1)
    shape = (b, h, width, 1)
    result = _slerp(
        vectors[:, :, low].reshape(-1, c),
        vectors[:, :, high].reshape(-1, c),
        ratio.expand(b, h, width).reshape(shape).reshape(-1, 1),
    )
    return result.reshape(b, h, width, c).movedim(-1, 1)


def bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    """Spherical interpolation of channel vectors, along the width and then along the height; dtype is kept."""
    wide = _slerp_along_width(samples.float(), width)
    both = _slerp_along_width(wide.transpose(2, 3), height).transpose(2, 3)
    return both.to(samples.dtype)


def lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    """Lanczos resampling by Pillow in 8 bit: (B,C,H,W), values cut to 0..1 and down to 1/255, dtype is kept."""
    channels = samples.shape[1]
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if channels not in modes:
        parts = [lanczos(samples[:, c : c + 1], width, height) for c in range(channels)]
        return torch.cat(parts, dim=1)
    pixels = (samples.detach().float().cpu() * 255.0).clamp(0, 255).to(torch.uint8).movedim(1, -1)
    resized = []
    for item in pixels.contiguous():
        size = (item.shape[1], item.shape[0])
        picture = Image.frombytes(modes[channels], size, item.numpy().tobytes())
        data = bytearray(picture.resize((width, height), Image.Resampling.LANCZOS).tobytes())
        resized.append(torch.frombuffer(data, dtype=torch.uint8).reshape(height, width, channels))
    return (torch.stack(resized).movedim(-1, 1).float() / 255.0).to(samples)


def _crop_to_aspect(samples: Tensor, width: int, height: int) -> Tensor:
    """The centre of the picture with the aspect ratio of width x height, whole pixels off both sides."""
    old_height, old_width = samples.shape[-2:]
    old_aspect, new_aspect = old_width / old_height, width / height
    x = y = 0
    if old_aspect > new_aspect:
        x = round((old_width - old_width * (new_aspect / old_aspect)) / 2)
    elif old_aspect < new_aspect:
        y = round((old_height - old_height * (old_aspect / new_aspect)) / 2)
    return samples.narrow(-2, y, old_height - y * 2).narrow(-1, x, old_width - x * 2)


def common_upscale(samples: Tensor, width: int, height: int, upscale_method: str, crop: str) -> Tensor:
    """Samples resized to width x height.

    Methods: nearest-exact, bilinear, area, bicubic (as torch, no antialiasing), bislerp, lanczos. `crop` "center"
    cuts to the new aspect ratio first, "disabled" stretches.
    """
    if samples.ndim > 4:
        b, c, frames = samples.shape[0], samples.shape[1], samples.shape[2:-2]
        flat = samples.reshape(b, c, -1, *samples.shape[-2:]).movedim(2, 1)
        flat = common_upscale(flat.flatten(0, 1), width, height, upscale_method, crop)
        return flat.unflatten(0, (b, -1)).movedim(2, 1).reshape(b, c, *frames, height, width)
    if crop == "center":
        samples = _crop_to_aspect(samples, width, height)
    if upscale_method == "bislerp":
        return bislerp(samples, width, height)
    if upscale_method == "lanczos":
        return lanczos(samples, width, height)
    return torch.nn.functional.interpolate(samples, size=(height, width), mode=upscale_method)
