"""CLIP-L as SD1 uses it: sizes read from the weights, one call from a state dict to the CLIP object."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from comfy.errors import WeightsError, WeightsShapeError
from comfy.text.clip.encoder import ClipTextEncoder, Sd1TextEncoder
from comfy.text.clip.tokenizer import ClipTokenizer, Sd1Tokenizer
from comfy.text.clip.transformer import ClipTextConfig, ClipTextTransformer
from comfy.text.encoder import CLIP

DEFAULT_HEADS = 12

_LAYER = re.compile(r"text_model\.encoder\.layers\.(\d+)\.")


def clip_l_config(
    state_dict: Mapping[str, Tensor], *, heads: int, heads_key: str = "codec.sd1.text_heads"
) -> ClipTextConfig:
    """Sizes of the text transformer in a state dict; the number of heads is not in any shape and comes in.

    Raises: WeightsError when the keys are not CLIP-L's; WeightsShapeError when the heads do not divide the
    width.
    """
    token_key = "text_model.embeddings.token_embedding.weight"
    fc1_key = "text_model.encoder.layers.0.mlp.fc1.weight"
    position_key = "text_model.embeddings.position_embedding.weight"
    for key in (token_key, position_key, fc1_key):
        if key not in state_dict or state_dict[key].ndim != 2:
            raise WeightsError("no CLIP text encoder: a matrix is missing", key=key)
    vocabulary_size, width = state_dict[token_key].shape
    if heads < 1 or width % heads:
        raise WeightsShapeError(
            "the number of text heads does not divide the width",
            key=heads_key,
            expected=f"a divisor of {width}",
            found=str(heads),
        )
    layers = {int(match[1]) for key in state_dict if (match := _LAYER.match(key))}
    projection = state_dict.get("text_projection.weight")
    return ClipTextConfig(
        width=width,
        num_layers=max(layers) + 1,
        num_heads=heads,
        inner_width=state_dict[fc1_key].shape[0],
        num_positions=state_dict[position_key].shape[0],
        vocabulary_size=vocabulary_size,
        projection_width=None if projection is None else projection.shape[0],
    )


def build_transformer(
    state_dict: Mapping[str, Tensor], config: ClipTextConfig, *, dtype: torch.dtype = torch.float32
) -> ClipTextTransformer:
    """The transformer with its weights, made without first filling it with random numbers.

    The result aliases tensors of the state dict that already have the dtype.
    Raises: WeightsError naming the first missing key; WeightsShapeError naming the first key of another
    shape.
    """
    with torch.device("meta"):
        transformer = ClipTextTransformer(config)
    weights: dict[str, Tensor] = {}
    for key, slot in transformer.state_dict().items():
        tensor = state_dict.get(key)
        if tensor is None:
            raise WeightsError("a weight of the text encoder is missing", key=key)
        if tensor.shape != slot.shape:
            raise WeightsShapeError(
                "a weight of the text encoder has another shape",
                key=key,
                expected=str(tuple(slot.shape)),
                found=str(tuple(tensor.shape)),
            )
        weights[key] = tensor.to(dtype)
    transformer.load_state_dict(weights, assign=True)
    return transformer.eval().requires_grad_(False)


def build_clip_l(
    state_dict: Mapping[str, Tensor],
    *,
    heads: int = DEFAULT_HEADS,
    heads_key: str = "codec.sd1.text_heads",
    embedding_directories: Sequence[str | Path] = (),
    dtype: torch.dtype = torch.float32,
) -> CLIP:
    """SD1's CLIP object from the weights of a CLIP-L text encoder of any size.

    Keys: `text_model.*` and, if it is there, `text_projection.weight`. Raises: as `clip_l_config`,
    `build_transformer`.
    """
    config = clip_l_config(state_dict, heads=heads, heads_key=heads_key)
    transformer = build_transformer(state_dict, config, dtype=dtype)
    tokenizer = ClipTokenizer(embedding_directories, embedding_width=config.width)
    encoder = ClipTextEncoder(transformer, tokenizer.layout)
    return CLIP.from_parts(Sd1TextEncoder(encoder), Sd1Tokenizer(tokenizer))
