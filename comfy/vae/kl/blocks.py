"""Layers of the KL autoencoder. Module names equal the names in checkpoints."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from comfy.models.layers import attention, bare

NORM_EPS = 1e-6


class ResnetBlock(nn.Module):
    """Two convolutions behind norms, around a skip."""

    def __init__(self, in_width: int, out_width: int, in_groups: int, out_groups: int) -> None:
        super().__init__()
        self.norm1 = bare.GroupNorm(in_groups, in_width, eps=NORM_EPS)
        self.conv1 = bare.Conv2d(in_width, out_width, 3, padding=1)
        self.norm2 = bare.GroupNorm(out_groups, out_width, eps=NORM_EPS)
        self.conv2 = bare.Conv2d(out_width, out_width, 3, padding=1)
        if in_width != out_width:
            self.nin_shortcut = bare.Conv2d(in_width, out_width, 1)
        self.changes_width = in_width != out_width

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,in_width,H,W) to (B,out_width,H,W)."""
        h = self.conv1(functional.silu(self.norm1(x)))
        h = self.conv2(functional.silu(self.norm2(h)))
        return (self.nin_shortcut(x) if self.changes_width else x) + h


class AttnBlock(nn.Module):
    """One head of attention over all positions, around a residual."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = bare.GroupNorm(groups, width, eps=NORM_EPS)
        self.q, self.k, self.v, self.proj_out = (bare.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,width,H,W), kept."""
        b, c, height, width = x.shape
        h = self.norm(x)
        q, k, v = (layer(h).flatten(2).transpose(1, 2).contiguous() for layer in (self.q, self.k, self.v))
        out = attention.optimized_attention(q, k, v, 1)
        return x + self.proj_out(out.transpose(1, 2).reshape(b, c, height, width))


class Downsample(nn.Module):
    """Halves height and width; pads only right and bottom."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = bare.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,width,H,W) to (B,width,H/2,W/2)."""
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Doubles height and width by nearest neighbours, then convolves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = bare.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,width,H,W) to (B,width,2H,2W)."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Middle(nn.Module):
    """Block, attention, block at the smallest resolution."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(width, width, groups, groups)
        self.attn_1 = AttnBlock(width, groups)
        self.block_2 = ResnetBlock(width, width, groups, groups)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,width,H,W), kept."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Level(nn.Module):
    """The blocks of one resolution, and the way to the next."""

    def __init__(self, blocks: list[ResnetBlock]) -> None:
        super().__init__()
        self.block = nn.ModuleList(blocks)
        self.downsample: Downsample | None = None
        self.upsample: Upsample | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,in,H,W) to (B,out,H',W')."""
        for block in self.block:
            x = block(x)
        if self.downsample is not None:
            x = self.downsample(x)
        if self.upsample is not None:
            x = self.upsample(x)
        return x
