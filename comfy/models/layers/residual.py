"""Residual blocks and resampling of latent-diffusion UNets.

Module names equal the names in checkpoints. Source: Dhariwal and Nichol 2021, arXiv 2105.05233, section 3.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from comfy.models.layers import bare

RESIDUAL_NORM_EPS = 1e-5


class ResidualBlock(nn.Module):
    """Two convolutions around the added timestep embedding, and a skip."""

    def __init__(self, in_width: int, out_width: int, embedding_width: int, groups: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            bare.GroupNorm(groups, in_width, eps=RESIDUAL_NORM_EPS),
            nn.SiLU(),
            bare.Conv2d(in_width, out_width, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), bare.Linear(embedding_width, out_width))
        self.out_layers = nn.Sequential(
            bare.GroupNorm(groups, out_width, eps=RESIDUAL_NORM_EPS),
            nn.SiLU(),
            nn.Identity(),
            bare.Conv2d(out_width, out_width, 3, padding=1),
        )
        self.skip_connection: nn.Module = (
            nn.Identity() if in_width == out_width else bare.Conv2d(in_width, out_width, 1)
        )

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """Shape: x (B,in_width,H,W), emb (B,embedding_width), result (B,out_width,H,W)."""
        h = self.in_layers(x) + self.emb_layers(emb)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class Downsample(nn.Module):
    """Halves height and width (rounded up) by a strided convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.op = bare.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,width,H,W) to (B,width,ceil(H/2),ceil(W/2))."""
        return self.op(x)


class Upsample(nn.Module):
    """Enlarges to a given size by nearest neighbours, then convolves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = bare.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Shape: (B,width,H,W) to (B,width,*size); without a size to twice the size."""
        size = (x.shape[2] * 2, x.shape[3] * 2) if size is None else size
        return self.conv(functional.interpolate(x, size=size, mode="nearest"))
