"""The text transformer of CLIP at any size: token vectors in, hidden states and the pooled vector out.

Pre-norm blocks with causal attention; module names are those of the files (`text_model.encoder.layers.0...`).
Source: Radford et al. 2021, arXiv 2103.00020, section 2.4; Hendrycks and Gimpel 2016, arXiv 1606.08415 (GELU
and its sigmoid form x * sigmoid(1.702 x), "quick GELU").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from comfy.models.layers import bare

VOCABULARY_SIZE = 49408


@dataclass(frozen=True, slots=True)
class ClipTextConfig:
    """Sizes of one text transformer."""

    width: int = 768
    num_layers: int = 12
    num_heads: int = 12
    inner_width: int = 3072
    activation: str = "quick_gelu"
    num_positions: int = 77
    vocabulary_size: int = VOCABULARY_SIZE
    projection_width: int | None = None
    """Width of the projected pooled vector; None when the file has no projection."""


class TextStates(NamedTuple):
    """What one pass gives. Shapes: hidden (B,T,W), pooled (B,W) and (B,P)."""

    last: Tensor
    """After the last layer and the final norm."""
    intermediate: Tensor | None
    """After the layer asked for, with the final norm if that was asked for too."""
    pooled: Tensor
    """`last` at the first end mark."""
    projected: Tensor
    """`pooled` times the projection; `pooled` itself when there is none."""


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x)."""
    return x * torch.sigmoid(1.702 * x)


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"quick_gelu": quick_gelu, "gelu": F.gelu}


class _Attention(nn.Module):
    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        width = config.width
        self.num_heads = config.num_heads
        self.q_proj, self.k_proj = bare.Linear(width, width), bare.Linear(width, width)
        self.v_proj, self.out_proj = bare.Linear(width, width), bare.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, t, width = x.shape
        q, k, v = (
            projection(x).reshape(b, t, self.num_heads, width // self.num_heads).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(out.transpose(1, 2).reshape(b, t, width))


class _FeedForward(nn.Module):
    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[config.activation]
        self.fc1 = bare.Linear(config.width, config.inner_width)
        self.fc2 = bare.Linear(config.inner_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class _Layer(nn.Module):
    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.layer_norm1 = bare.LayerNorm(config.width)
        self.self_attn = _Attention(config)
        self.layer_norm2 = bare.LayerNorm(config.width)
        self.mlp = _FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class _Embeddings(nn.Module):
    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.token_embedding = bare.Embedding(config.vocabulary_size, config.width)
        self.position_embedding = bare.Embedding(config.num_positions, config.width)


class _Encoder(nn.Module):
    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_layers))


class _TextModel(nn.Module):
    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.final_layer_norm = bare.LayerNorm(config.width)


class ClipTextTransformer(nn.Module):
    """One CLIP text transformer with its projection."""

    def __init__(self, config: ClipTextConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = _TextModel(config)
        self.text_projection: nn.Linear | None = None
        if config.projection_width is not None:
            self.text_projection = bare.Linear(config.width, config.projection_width, bias=False)

    @property
    def num_layers(self) -> int:
        """How many hidden states there are to choose from."""
        return self.config.num_layers

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """(B,T) ids -> (B,T,W) token vectors, before positions."""
        return self.text_model.embeddings.token_embedding(ids)

    def forward(
        self, vectors: Tensor, end_positions: Tensor, *, layer: int | None = None, norm_layer: bool = True
    ) -> TextStates:
        """Runs token vectors (B,T,W) whose end marks stand at `end_positions` (B,).

        `layer` counts from zero and names the hidden state to give beside the last one; `norm_layer` puts
        the final norm on it.
        """
        model = self.text_model
        x = vectors + model.embeddings.position_embedding.weight[: vectors.shape[1]]
        intermediate: Tensor | None = None
        for i, block in enumerate(model.encoder.layers):
            x = block(x)
            if i == layer:
                intermediate = model.final_layer_norm(x) if norm_layer else x
        last = model.final_layer_norm(x)
        pooled = last[torch.arange(last.shape[0], device=last.device), end_positions]
        projected = pooled if self.text_projection is None else self.text_projection(pooled)
        return TextStates(last, intermediate, pooled, projected)
