"""The UNet of latent diffusion: down, middle, up, with skips between levels.

Module names equal the names in checkpoints, so a checkpoint's keys are its state dict. Source: Rombach et al. 2022,
arXiv 2112.10752, section 3.3 and appendix E.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from comfy.models.layers import bare
from comfy.models.layers.block_patches import TransformerOptions, block_patches
from comfy.models.layers.residual import RESIDUAL_NORM_EPS, Downsample, ResidualBlock, Upsample
from comfy.models.layers.timestep import timestep_embedding
from comfy.models.layers.transformer import SpatialTransformer
from comfy.models.unet.config import UNetConfig


class UNetBlock(nn.ModuleList):
    """Layers that run one after the other, each given what it understands."""

    def forward(
        self,
        x: Tensor,
        emb: Tensor,
        context: Tensor | None,
        options: TransformerOptions,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Shape: x (B,C,H,W), emb (B,4*model_channels), context (B,S,context_dim). `size` is for the upsampling."""
        for layer in self:
            if isinstance(layer, ResidualBlock):
                x = layer(x, emb)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context, options)
                options["transformer_index"] = options.get("transformer_index", 0) + 1
            elif isinstance(layer, Upsample):
                x = layer(x, size)
            else:
                x = layer(x)
        return x


class UNet(nn.Module):
    """Predicts what a parameterisation asks for (noise, velocity) from a noisy latent, a timestep and a text."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.model_channels = config.model_channels
        emb_width = config.model_channels * 4
        self.time_embed = nn.Sequential(
            bare.Linear(config.model_channels, emb_width), nn.SiLU(), bare.Linear(emb_width, emb_width)
        )
        if config.adm_in_channels is not None:
            self.label_emb = nn.Sequential(
                nn.Sequential(
                    bare.Linear(config.adm_in_channels, emb_width),
                    nn.SiLU(),
                    bare.Linear(emb_width, emb_width),
                )
            )
        self.input_blocks = nn.ModuleList(
            [UNetBlock([bare.Conv2d(config.in_channels, config.model_channels, 3, padding=1)])]
        )
        skips = self._build_down(emb_width)
        self.middle_block = self._build_middle(emb_width)
        self.output_blocks = nn.ModuleList()
        self._build_up(emb_width, skips)
        self.out = nn.Sequential(
            bare.GroupNorm(config.groups, config.model_channels, eps=RESIDUAL_NORM_EPS),
            nn.SiLU(),
            bare.Conv2d(config.model_channels, config.out_channels, 3, padding=1),
        )

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor | None = None,
        y: Tensor | None = None,
        control: Mapping[str, list[Tensor | None]] | None = None,
        transformer_options: TransformerOptions | None = None,
        **_: Any,
    ) -> Tensor:
        """The network's output for a batch.

        Shape: x (B,in_channels,H,W) of any size, timesteps (B,), context (B,S,context_dim), y (B,adm_in_channels);
        result (B,out_channels,H,W). `control` may hold residuals to add, per part of the network, last block's
        first out (`list.pop`).
        """
        options: TransformerOptions = dict(transformer_options or {})
        options["original_shape"] = list(x.shape)
        options["transformer_index"] = 0
        remaining = {name: list(residuals) for name, residuals in (control or {}).items()}
        x = x.contiguous(memory_format=torch.channels_last)
        emb = self._embed(timesteps, y, x.dtype, options)

        h, skips = x, []
        for number, block in enumerate(self.input_blocks):
            options["block"] = ("input", number)
            h = _add_control(block(h, emb, context, options), remaining, "input")
            for patch in block_patches(options, "input_block_patch"):
                h = patch(h, options)
            skips.append(h)
            for patch in block_patches(options, "input_block_patch_after_skip"):
                h = patch(h, options)

        options["block"] = ("middle", 0)
        h = _add_control(self.middle_block(h, emb, context, options), remaining, "middle")

        for number, block in enumerate(self.output_blocks):
            options["block"] = ("output", number)
            skip = _add_control(skips.pop(), remaining, "output")
            for patch in block_patches(options, "output_block_patch"):
                h, skip = patch(h, skip, options)
            size = (skips[-1].shape[2], skips[-1].shape[3]) if skips else None
            h = block(torch.cat((h, skip), dim=1), emb, context, options, size)
        return self.out(h).contiguous()

    def _embed(
        self, timesteps: Tensor, y: Tensor | None, dtype: torch.dtype, options: TransformerOptions
    ) -> Tensor:
        emb = self.time_embed(timestep_embedding(timesteps, self.model_channels).to(dtype))
        for patch in block_patches(options, "emb_patch"):
            emb = patch(emb, self.model_channels, options)
        if self.config.adm_in_channels is not None and y is not None:
            emb = emb + self.label_emb(y)
        return emb

    def _attention(self, level: int, depth: int) -> SpatialTransformer:
        config = self.config
        return SpatialTransformer(
            config.widths[level],
            config.context_dim,
            heads=config.num_heads[level],
            depth=depth,
            groups=config.groups,
            use_linear=config.use_linear_in_transformer,
        )

    def _build_down(self, emb_width: int) -> list[int]:
        """Appends the way down; gives the widths of all skips in order."""
        config = self.config
        width = config.model_channels
        skips = [width]
        for level, level_width in enumerate(config.widths):
            for depth in config.level_depths(level)[0]:
                block = UNetBlock([ResidualBlock(width, level_width, emb_width, config.groups)])
                if depth:
                    block.append(self._attention(level, depth))
                self.input_blocks.append(block)
                width = level_width
                skips.append(width)
            if level + 1 < len(config.widths):
                self.input_blocks.append(UNetBlock([Downsample(width)]))
                skips.append(width)
        return skips

    def _build_middle(self, emb_width: int) -> UNetBlock:
        config = self.config
        width, level = config.widths[-1], len(config.widths) - 1
        block = UNetBlock([ResidualBlock(width, width, emb_width, config.groups)])
        if config.transformer_depth_middle is not None:
            block.append(self._attention(level, config.transformer_depth_middle))
            block.append(ResidualBlock(width, width, emb_width, config.groups))
        return block

    def _build_up(self, emb_width: int, skips: list[int]) -> None:
        """Appends the way up; consumes the widths of the skips."""
        config = self.config
        width = config.widths[-1]
        for level in reversed(range(len(config.widths))):
            depths = config.level_depths(level)[1]
            for i, depth in enumerate(depths):
                block = UNetBlock(
                    [ResidualBlock(width + skips.pop(), config.widths[level], emb_width, config.groups)]
                )
                width = config.widths[level]
                if depth:
                    block.append(self._attention(level, depth))
                if level > 0 and i + 1 == len(depths):
                    block.append(Upsample(width))
                self.output_blocks.append(block)


def _add_control(h: Tensor, control: dict[str, list[Tensor | None]], part: str) -> Tensor:
    residuals = control.get(part)
    residual = residuals.pop() if residuals else None
    return h if residual is None else h + residual
