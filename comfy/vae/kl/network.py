"""Encoder and decoder of the KL autoencoder, and the pair as a checkpoint stores it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from comfy.errors import WeightsShapeError
from comfy.models.layers import bare
from comfy.vae.kl.blocks import NORM_EPS, Downsample, Level, Middle, ResnetBlock, Upsample
from comfy.vae.kl.config import GROUPS_KEY, KlConfig


class Encoder(nn.Module):
    """Pixels to the moments of the latent's distribution (before the 1x1 convolution)."""

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        self.conv_in = bare.Conv2d(config.image_channels, config.ch, 3, padding=1)
        self.down = nn.ModuleList()
        width, group = config.ch, groups[0]
        for level, (level_width, level_groups) in enumerate(zip(widths, groups, strict=True)):
            blocks = []
            for _ in range(config.num_res_blocks):
                blocks.append(ResnetBlock(width, level_width, group, level_groups))
                width, group = level_width, level_groups
            stage = Level(blocks)
            if level + 1 < len(widths):
                stage.downsample = Downsample(width)
            self.down.append(stage)
        self.mid = Middle(width, group)
        self.norm_out = bare.GroupNorm(group, width, eps=NORM_EPS)
        self.conv_out = bare.Conv2d(width, 2 * config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,image_channels,H,W) in -1..1 to (B,2*z_channels,H/f,W/f)."""
        h = self.conv_in(x.contiguous(memory_format=torch.channels_last))
        for stage in self.down:
            h = stage(h)
        return self.conv_out(functional.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    """Latent to pixels."""

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        width, group = widths[-1], groups[-1]
        self.conv_in = bare.Conv2d(config.z_channels, width, 3, padding=1)
        self.mid = Middle(width, group)
        stages: list[Level] = []
        for level in reversed(range(len(widths))):
            blocks = []
            for _ in range(config.num_res_blocks + 1):
                blocks.append(ResnetBlock(width, widths[level], group, groups[level]))
                width, group = widths[level], groups[level]
            stage = Level(blocks)
            if level > 0:
                stage.upsample = Upsample(width)
            stages.insert(0, stage)
        self.up = nn.ModuleList(stages)
        self.norm_out = bare.GroupNorm(group, width, eps=NORM_EPS)
        self.conv_out = bare.Conv2d(width, config.image_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Shape: (B,z_channels,h,w) to (B,image_channels,f*h,f*w), about -1..1."""
        h = self.mid(self.conv_in(z.contiguous(memory_format=torch.channels_last)))
        for stage in reversed(self.up):
            h = stage(h)
        return self.conv_out(functional.silu(self.norm_out(h)))


class AutoencoderKL(nn.Module):
    """Encoder and decoder with the 1x1 convolutions around the latent. Attribute names are the checkpoint's."""

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = Decoder(config)
        if config.has_encoder:
            self.encoder = Encoder(config)
        z = config.z_channels
        self.quant_conv: nn.Module = (
            bare.Conv2d(2 * z, 2 * z, 1) if config.has_quant and config.has_encoder else nn.Identity()
        )
        self.post_quant_conv: nn.Module = bare.Conv2d(z, z, 1) if config.has_quant else nn.Identity()

    @property
    def file_metadata(self) -> dict[str, str]:
        """What a file must say of the numbers that shapes do not tell."""
        return {GROUPS_KEY: ",".join(map(str, self.config.groups))}

    def moments(self, pixels: Tensor) -> Tensor:
        """Mean and log variance of the posterior. Shape: (B,3,H,W) in -1..1 to (B,2*z_channels,H/f,W/f).

        Raises: WeightsShapeError when the file held a decoder only.
        """
        if not self.config.has_encoder:
            raise WeightsShapeError("this autoencoder's file held no encoder", key="encoder.conv_in.weight")
        return self.quant_conv(self.encoder(pixels))

    def encode(self, pixels: Tensor) -> Tensor:
        """The posterior's mean. Shape: (B,3,H,W) in -1..1 to (B,z_channels,H/f,W/f)."""
        return self.moments(pixels).chunk(2, dim=1)[0].contiguous()

    def decode(self, latent: Tensor) -> Tensor:
        """Pixels, about -1..1, stored channels last. Shape: (B,z_channels,h,w) to (B,3,f*h,f*w)."""
        return self.decoder(self.post_quant_conv(latent))
