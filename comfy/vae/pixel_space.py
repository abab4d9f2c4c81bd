"""The VAE of models that work on pixels: its latent is the picture itself, in -1..1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

PIXEL_SPACE_KEY = "pixel_space_vae"
"""A state dict that holds this key alone asks for this VAE; checkpoints of pixel models carry it."""

PIXEL_SPACE_WEIGHTS: Mapping[str, Tensor] = {PIXEL_SPACE_KEY: torch.tensor(1.0)}


class PixelSpace(nn.Module):
    """Encodes and decodes by leaving the pixels (B,3,H,W) as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.pixel_space_vae = nn.Parameter(torch.tensor(1.0), requires_grad=False)

    def encode(self, pixels: Tensor) -> Tensor:
        """The pixels."""
        return pixels

    def decode(self, latent: Tensor) -> Tensor:
        """The latent."""
        return latent
