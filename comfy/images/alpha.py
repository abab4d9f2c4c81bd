"""Alpha channels: bringing two images to the same number of channels."""

from __future__ import annotations

import torch
from torch import Tensor


def image_alpha_fix(destination: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Both images (B,H,W,C) with one number of channels: a source's alpha is dropped, a missing one made opaque."""
    if destination.shape[-1] < source.shape[-1]:
        source = source[..., : destination.shape[-1]]
    elif destination.shape[-1] > source.shape[-1]:
        missing = destination.shape[-1] - source.shape[-1]
        source = torch.nn.functional.pad(source, (0, missing), value=1.0)
    return destination, source
