"""Layers of the Wan 2.1 autoencoder. Module names equal the names in checkpoints; all take a `Memory` along.

Shapes: (B,C,T,H,W). A piece may have any number of frames; what is computed does not depend on how a clip was cut,
beside rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from comfy.models.layers import attention, bare
from comfy.vae.streaming.memory import Memory

TAPS = 3
"""Frames that a convolution over time sees: the newest and two before it."""


class CausalConv3d(nn.Conv3d):
    """A convolution that sees no later frame; before the first one there are zeros."""

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""

    def run(self, x: Tensor, memory: Memory) -> Tensor:
        """As many frames as come in."""
        taps = self.kernel_size[0]
        if taps == 1:
            return self(x)
        before = memory.get(self)
        if before is None:
            before = x.new_zeros(*x.shape[:2], taps - 1, *x.shape[3:])
        joined = torch.cat((before, x), dim=2)
        memory.keep(self, joined[:, :, 1 - taps :])
        return self(joined)


def causal_conv(in_width: int, out_width: int, side: int = 3) -> CausalConv3d:
    """A 3x3x3 convolution that keeps height and width, or a 1x1x1 one."""
    return CausalConv3d(in_width, out_width, side, padding=(0, side // 2, side // 2))


class RMSNorm(nn.Module):
    """Every position's channels scaled to a root mean square of `gamma`."""

    def __init__(self, width: int, num_axes: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width, *[1] * num_axes))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,width,...), kept."""
        return functional.normalize(x, dim=1) * x.shape[1] ** 0.5 * self.gamma


class ResidualBlock(nn.Module):
    """Norm, activation, convolution, twice, around a skip."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            RMSNorm(in_width, 3),
            nn.SiLU(),
            causal_conv(in_width, out_width),
            RMSNorm(out_width, 3),
            nn.SiLU(),
            nn.Identity(),  # stands where training drops values out
            causal_conv(out_width, out_width),
        )
        self.shortcut = causal_conv(in_width, out_width, 1) if in_width != out_width else nn.Identity()

    def run(self, x: Tensor, memory: Memory) -> Tensor:
        """Shape: (B,in_width,T,H,W) to (B,out_width,T,H,W)."""
        return self.shortcut(x) + run_all(self.residual, x, memory)


class FrameAttention(nn.Module):
    """One head of attention over the positions of a frame, around a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = RMSNorm(width, 2)
        self.to_qkv = bare.Conv2d(width, width * 3, 1)
        self.proj = bare.Conv2d(width, width, 1)

    def run(self, x: Tensor, memory: Memory) -> Tensor:
        """Shape kept; frames do not see each other."""
        b, c, t, height, width = x.shape
        frames = x.movedim(2, 1).reshape(b * t, c, height, width)
        q, k, v = (
            part.flatten(2).transpose(1, 2).contiguous()
            for part in self.to_qkv(self.norm(frames)).chunk(3, 1)
        )
        seen = attention.optimized_attention(q, k, v, 1)
        out = self.proj(seen.transpose(1, 2).reshape(b * t, c, height, width))
        return x + out.reshape(b, t, c, height, width).movedim(1, 2)


class PadRightBottom(nn.Module):
    """One zero column and row; a convolution with stride 2 starts in the corner then."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,C,H,W) to (B,C,H+1,W+1)."""
        return functional.pad(x, (0, 1, 0, 1))


class Downsample(nn.Module):
    """Halves height and width, and time where it has a convolution for it."""

    def __init__(self, in_width: int, out_width: int, over_time: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(PadRightBottom(), bare.Conv2d(in_width, out_width, 3, stride=2))
        self.time_conv: CausalConv3d | None = None
        if over_time:
            self.time_conv = CausalConv3d(out_width, out_width, (TAPS, 1, 1), stride=(2, 1, 1))

    def run(self, x: Tensor, memory: Memory) -> Tensor:
        """Frame 0 passes; after it, two frames give one, from a window that reaches one further back."""
        x = _per_frame(self.resample, x)
        if self.time_conv is None:
            return x
        first: list[Tensor] = []
        if memory.is_first(self) and x.shape[2]:
            first = [x[:, :, :1]]
        before = memory.get(self)
        joined = x if before is None else torch.cat((before, x), dim=2)
        windows = (joined.shape[2] - 1) // 2
        if windows < 1:
            memory.keep(self, joined)
            return first[0] if first else x[:, :, :0]
        out = self.time_conv(joined[:, :, : 2 * windows + 1])
        memory.keep(self, joined[:, :, 2 * windows :])
        return torch.cat((*first, out), dim=2)


class Upsample(nn.Module):
    """Doubles height and width, and time where it has a convolution for it."""

    def __init__(self, in_width: int, out_width: int, over_time: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(
            nn.Upsample(scale_factor=2.0, mode="nearest-exact"),
            bare.Conv2d(in_width, out_width, 3, padding=1),
        )
        self.time_conv: CausalConv3d | None = None
        if over_time:
            self.time_conv = CausalConv3d(in_width, in_width * 2, (TAPS, 1, 1))

    def run(self, x: Tensor, memory: Memory) -> Tensor:
        """Frame 0 passes as one frame and is not in the history of the others; each of them gives two."""
        if self.time_conv is not None:
            first = x[:, :, :1] if memory.is_first(self) else x[:, :, :0]
            rest = x[:, :, first.shape[2] :]
            if rest.shape[2]:
                b, c, t, height, width = rest.shape
                pairs = self.time_conv.run(rest, memory).reshape(b, 2, c, t, height, width)
                rest = torch.stack((pairs[:, 0], pairs[:, 1]), dim=3).reshape(b, c, 2 * t, height, width)
            x = torch.cat((first, rest), dim=2)
        return _per_frame(self.resample, x)


def run_all(layers: nn.Sequential | nn.ModuleList, x: Tensor, memory: Memory) -> Tensor:
    """Layers one after another, with the memory where they take it."""
    for layer in layers:
        run: Any = getattr(layer, "run", None)
        x = layer(x) if run is None else run(x, memory)
    return x


def _per_frame(layers: nn.Module, x: Tensor) -> Tensor:
    b, _, t = x.shape[:3]
    out = layers(x.movedim(2, 1).flatten(0, 1))
    return out.reshape(b, t, *out.shape[1:]).movedim(1, 2)
