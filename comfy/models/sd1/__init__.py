"""Stable Diffusion 1 at any width: a UNet with convolutional projections, CLIP-L text, eps prediction.

What shapes cannot tell stands in the file's metadata (`config`); without it SD1's own numbers hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from comfy.latents.formats import SD15
from comfy.models.base import DiffusionModel, ModelConfig
from comfy.models.sd1.config import TEXT_HEADS_DEFAULT, TEXT_HEADS_KEY, UNET_GROUPS_KEY, UNET_HEADS_KEY
from comfy.models.sd1.config import detect as detect
from comfy.models.unet.config import UNetConfig
from comfy.models.unet.network import UNet
from comfy.text.clip_l import build_clip_l
from comfy.text.encoder import CLIP
from comfy.weights.assign import assign_weights, strip_prefix
from comfy.weights.metadata import count_list

NAME = "sd1"
DIFFUSION_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
TEXT_PREFIXES = (
    "cond_stage_model.transformer.",
    "cond_stage_model.clip_l.transformer.",
    "clip_l.transformer.",
    "transformer.",
    "",
)
"""What stands before a text encoder's names: in checkpoints, in files saved from one, in files of its own."""

TOKEN_KEY = "text_model.embeddings.token_embedding.weight"
EARLY_TOKEN_KEY = TOKEN_KEY.removeprefix("text_model.")
"""Early conversions left out the level of names that later ones have."""


class Sd1ModelConfig(ModelConfig):
    """SD1's record; packs know the class as `comfy.supported_models.SD15`."""


def model_config(config: UNetConfig) -> ModelConfig:
    """What sampling and packs are told of an SD1 checkpoint."""
    numbers: dict[str, Any] = asdict(config)
    numbers = {key: list(value) if isinstance(value, tuple) else value for key, value in numbers.items()}
    heads = set(config.num_heads)
    numbers["num_heads"] = heads.pop() if len(heads) == 1 else list(config.num_heads)
    return Sd1ModelConfig(
        family=NAME,
        unet_config=numbers,
        latent_format=SD15(),
        diffusion_prefix=DIFFUSION_PREFIX,
        vae_prefix=VAE_PREFIX,
        text_prefixes={"clip_l.": "cond_stage_model."},
        file_metadata={
            UNET_HEADS_KEY: ",".join(map(str, config.num_heads)),
            UNET_GROUPS_KEY: str(config.groups),
        },
    )


def build(
    config: UNetConfig, state_dict: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
) -> DiffusionModel:
    """The model with its weights in a format. Raises: WeightsShapeError naming the key that does not fit."""
    with torch.device("meta"):
        network = UNet(config)
    assign_weights(network, state_dict, prefix=DIFFUSION_PREFIX, dtype=dtype)
    return DiffusionModel(model_config(config), network.eval())


def build_clip(
    state_dict: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    embedding_directories: Sequence[str | Path],
) -> CLIP | None:
    """CLIP-L of a checkpoint or of a file of its own, None when it holds none."""
    for prefix in TEXT_PREFIXES:
        weights = strip_prefix(state_dict, prefix)
        if EARLY_TOKEN_KEY in weights:
            weights = {f"text_model.{key}": value for key, value in weights.items()}
        if TOKEN_KEY not in weights:
            continue
        (heads, *_) = count_list(metadata, TEXT_HEADS_KEY, TEXT_HEADS_DEFAULT)
        # Copies, so that nothing of the model hangs on the mapped file.
        owned = {
            key: value.to(torch.float32, copy=True)
            for key, value in weights.items()
            if key.startswith(("text_model.", "text_projection."))
        }
        clip = build_clip_l(owned, heads=heads, embedding_directories=embedding_directories)
        clip.cond_stage_model.file_metadata = {TEXT_HEADS_KEY: str(heads)}
        return clip
    return None
