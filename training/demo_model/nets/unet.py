"""The UNet, with SD1's block structure and key names, started as the identity.

An eps-predicting net must pass its noisy input through almost unchanged at high noise. The start below makes the
fresh net do exactly that, which saves the several hundred steps that a usual start spends on learning it.
"""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.demo_model.design import LATENT_CHANNELS, UnetDesign
from training.demo_model.nets.attention import SpatialTransformer


def timestep_embedding(timesteps: Tensor, width: int) -> Tensor:
    """Cosines, then sines, of the timestep at `width // 2` frequencies from 1 down to 1e-4.

    Shape: (b,) -> (b, width), float32.
    Source: Ho et al. 2020, arXiv 2006.11239; Vaswani et al. 2017, arXiv 1706.03762, section 3.5.
    """
    half = width // 2
    rates = torch.exp(-math.log(10000.0) * torch.arange(half, device=timesteps.device) / half)
    angles = timesteps.float()[:, None] * rates[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ResBlock(nn.Module):
    """Two convolutions with the time embedding added between them."""

    def __init__(self, in_width: int, out_width: int, emb_width: int, groups: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(groups, in_width), nn.SiLU(), nn.Conv2d(in_width, out_width, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_width, out_width))
        exit_conv = nn.Conv2d(out_width, out_width, 3, padding=1)
        nn.init.zeros_(exit_conv.weight)
        if exit_conv.bias is not None:
            nn.init.zeros_(exit_conv.bias)
        self.out_layers = nn.Sequential(nn.GroupNorm(groups, out_width), nn.SiLU(), nn.Identity(), exit_conv)
        same = in_width == out_width
        self.skip_connection: nn.Module = nn.Identity() if same else nn.Conv2d(in_width, out_width, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """Shape: x (b,in,h,w), emb (b,emb) -> (b,out,h,w)."""
        h = self.in_layers(x) + self.emb_layers(emb)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class Downsample(nn.Module):
    """Halves height and width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,c,h,w) -> (b,c,h/2,w/2)."""
        return self.op(x)


class Upsample(nn.Module):
    """Doubles height and width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (b,c,h,w) -> (b,c,2h,2w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.ModuleList):
    """A list of layers, each given what its kind takes."""

    def forward(self, x: Tensor, emb: Tensor, context: Tensor) -> Tensor:
        """Shape: x (b,c,h,w), emb (b,emb), context (b,tokens,text width)."""
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, emb)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context)
            else:
                x = layer(x)
        return x


class Unet(nn.Module):
    """Predicts the noise in a noisy latent."""

    def __init__(self, design: UnetDesign, context_width: int) -> None:
        super().__init__()
        self.design = design
        base, mult, groups = design.model_channels, design.channel_mult, design.groups
        emb = base * 4
        last_level = len(mult) - 1

        def attend(width: int, level: int) -> SpatialTransformer:
            return SpatialTransformer(width, context_width, design.heads[level], groups)

        self.time_embed = nn.Sequential(nn.Linear(base, emb), nn.SiLU(), nn.Linear(emb, emb))
        inputs = [Stage([nn.Conv2d(LATENT_CHANNELS, base, 3, padding=1)])]
        skips, width = [base], base
        for level, factor in enumerate(mult):
            for _ in range(design.num_res_blocks):
                stage: list[nn.Module] = [ResBlock(width, factor * base, emb, groups)]
                width = factor * base
                if level in design.attention_levels:
                    stage.append(attend(width, level))
                inputs.append(Stage(stage))
                skips.append(width)
            if level != last_level:
                inputs.append(Stage([Downsample(width)]))
                skips.append(width)
        self.input_blocks = nn.ModuleList(inputs)
        blocks = [ResBlock(width, width, emb, groups) for _ in range(2)]
        self.middle_block = Stage([blocks[0], attend(width, last_level), blocks[1]])
        outputs = []
        for level in range(last_level, -1, -1):
            for i in range(design.num_res_blocks + 1):
                stage = [ResBlock(width + skips.pop(), mult[level] * base, emb, groups)]
                width = mult[level] * base
                if level in design.attention_levels:
                    stage.append(attend(width, level))
                if level > 0 and i == design.num_res_blocks:
                    stage.append(Upsample(width))
                outputs.append(Stage(stage))
        self.output_blocks = nn.ModuleList(outputs)
        self.out = nn.Sequential(
            nn.GroupNorm(groups, width), nn.SiLU(), nn.Conv2d(width, LATENT_CHANNELS, 3, padding=1)
        )
        self._start_as_identity()

    def _start_as_identity(self) -> None:
        """Carries +x and -x along the outermost skip; silu(a) - silu(-a) == a gives x back at the exit."""
        first = cast("nn.Conv2d", cast("Stage", self.input_blocks[0])[0])
        last = cast("nn.Conv2d", cast("ResBlock", cast("Stage", self.output_blocks[-1])[0]).skip_connection)
        exit_conv = cast("nn.Conv2d", self.out[2])
        base = self.design.model_channels
        with torch.no_grad():
            carried = torch.arange(LATENT_CHANNELS * 2)
            first.weight[carried] = 0.0
            last.weight[carried] = 0.0
            exit_conv.weight.zero_()
            for bias in (first.bias, last.bias, exit_conv.bias):
                if bias is not None:
                    bias[: len(carried)] = 0.0
            for c in range(LATENT_CHANNELS):
                for k, sign in ((2 * c, 1.0), (2 * c + 1, -1.0)):
                    first.weight[k, c, 1, 1] = sign
                    last.weight[k, base + k, 0, 0] = 1.0
                    exit_conv.weight[c, k, 1, 1] = sign

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """Shape: x (b,4,h,w), timesteps (b,) in 0..999, context (b,tokens,text width) -> (b,4,h,w)."""
        emb = self.time_embed(timestep_embedding(timesteps, self.design.model_channels))
        skips = []
        for stage in self.input_blocks:
            x = stage(x, emb, context)
            skips.append(x)
        x = self.middle_block(x, emb, context)
        for stage in self.output_blocks:
            x = stage(torch.cat([x, skips.pop()], dim=1), emb, context)
        return self.out(x)
