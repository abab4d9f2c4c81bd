"""Transformer blocks of latent-diffusion UNets: attention to itself, attention to the text, gated feed forward.

Module names equal the names in checkpoints. Source: Rombach et al. 2022, arXiv 2112.10752, appendix E.2.1 (the block),
Shazeer 2020, arXiv 2002.05202 (GEGLU).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from comfy.models.layers import attention, bare
from comfy.models.layers.block_patches import (
    TransformerOptions,
    block_patches,
    block_replacement,
    extra_options,
)

SPATIAL_NORM_EPS = 1e-6
"""The group norm in front of a spatial transformer; everywhere else in the UNet it is 1e-5."""


class CrossAttention(nn.Module):
    """Multi-head attention from `x` to `context` (to itself without one); only the output projection has a bias."""

    def __init__(self, width: int, context_width: int | None, heads: int) -> None:
        super().__init__()
        context_width = width if context_width is None else context_width
        self.heads, self.head_width = heads, width // heads
        self.to_q = bare.Linear(width, width, bias=False)
        self.to_k = bare.Linear(context_width, width, bias=False)
        self.to_v = bare.Linear(context_width, width, bias=False)
        self.to_out = nn.Sequential(bare.Linear(width, width), nn.Identity())

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        value: Tensor | None = None,
        mask: Tensor | None = None,
        transformer_options: TransformerOptions | None = None,
    ) -> Tensor:
        """Shape: x (B,T,width), context and value (B,S,context_width), result (B,T,width)."""
        context = x if context is None else context
        q, k = self.to_q(x), self.to_k(context)
        v = self.to_v(context if value is None else value)
        out = attention.optimized_attention(
            q, k, v, self.heads, mask=mask, transformer_options=transformer_options
        )
        return self.to_out(out)


class GatedGelu(nn.Module):
    """x W1 * gelu(x W2), both halves from one projection."""

    def __init__(self, width: int, inner_width: int) -> None:
        super().__init__()
        self.proj = bare.Linear(width, inner_width * 2)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,T,width) to (B,T,inner_width)."""
        x, gate = self.proj(x).chunk(2, dim=-1)
        return x * functional.gelu(gate)


class FeedForward(nn.Module):
    """Gated feed forward, four times as wide inside."""

    def __init__(self, width: int, multiple: int = 4) -> None:
        super().__init__()
        inner = width * multiple
        self.net = nn.Sequential(GatedGelu(width, inner), nn.Identity(), bare.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (B,T,width), kept."""
        return self.net(x)


class BasicTransformerBlock(nn.Module):
    """Self attention, attention to the text, feed forward; each behind a layer norm and around a residual."""

    def __init__(self, width: int, context_width: int | None, heads: int) -> None:
        super().__init__()
        self.attn1 = CrossAttention(width, None, heads)
        self.attn2 = CrossAttention(width, context_width, heads)
        self.ff = FeedForward(width)
        self.norm1, self.norm2, self.norm3 = (bare.LayerNorm(width) for _ in range(3))

    def forward(
        self, x: Tensor, context: Tensor | None, options: TransformerOptions, index: int = 0
    ) -> Tensor:
        """Shape: x (B,T,width), kept; context (B,S,context_width). `index` is the place in the spatial transformer."""
        x = x + self._attend("attn1", self.attn1, self.norm1(x), None, options, index)
        x = x + self._attend("attn2", self.attn2, self.norm2(x), context, options, index)
        return x + self.ff(self.norm3(x))

    @staticmethod
    def _attend(
        name: str,
        layer: CrossAttention,
        x: Tensor,
        context: Tensor | None,
        options: TransformerOptions,
        index: int,
    ) -> Tensor:
        patches = block_patches(options, f"{name}_patch")
        replacement = block_replacement(options, name, index)
        output_patches = block_patches(options, f"{name}_output_patch")
        if not (patches or replacement or output_patches):
            return layer(x, context, transformer_options=options)
        told = extra_options(options, layer.heads, layer.head_width, index)
        key = value = x if context is None else context
        for patch in patches:
            x, key, value = patch(x, key, value, told)
        if replacement is None:
            out = layer(x, key, value, transformer_options=options)
        else:
            out = layer.to_out(replacement(layer.to_q(x), layer.to_k(key), layer.to_v(value), told))
        for patch in output_patches:
            out = patch(out, told)
        return out


class SpatialTransformer(nn.Module):
    """Transformer blocks over the positions of a feature map, around a residual."""

    def __init__(
        self,
        width: int,
        context_width: int | None,
        *,
        heads: int,
        depth: int,
        groups: int,
        use_linear: bool,
    ) -> None:
        super().__init__()
        self.use_linear = use_linear
        self.norm = bare.GroupNorm(groups, width, eps=SPATIAL_NORM_EPS)
        self.proj_in: nn.Module = bare.Linear(width, width) if use_linear else bare.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList(
            BasicTransformerBlock(width, context_width, heads) for _ in range(depth)
        )
        self.proj_out: nn.Module = bare.Linear(width, width) if use_linear else bare.Conv2d(width, width, 1)

    def forward(self, x: Tensor, context: Tensor | None, options: TransformerOptions) -> Tensor:
        """Shape: x (B,width,H,W), kept; context (B,S,context_width)."""
        _, _, height, width = x.shape
        residual = x
        x = self.norm(x)
        x = self.proj_in(_to_tokens(x)) if self.use_linear else _to_tokens(self.proj_in(x))
        for index, block in enumerate(self.transformer_blocks):
            x = block(x, context, options, index)
        if self.use_linear:
            return _to_map(self.proj_out(x), height, width) + residual
        return self.proj_out(_to_map(x, height, width)) + residual


def _to_tokens(x: Tensor) -> Tensor:
    """(B,C,H,W) to (B,H*W,C); free when the map is stored channels last."""
    return x.flatten(2).transpose(1, 2).contiguous()


def _to_map(x: Tensor, height: int, width: int) -> Tensor:
    """(B,H*W,C) to (B,C,H,W), stored channels last without a copy."""
    return x.view(x.shape[0], height, width, x.shape[2]).permute(0, 3, 1, 2)
