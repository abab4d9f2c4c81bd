"""Writing whole checkpoints: the weights as they are patched, under the names their family uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from comfy.memory import residency
from comfy.patching.patcher import ModelPatcher
from comfy.text.encoder import CLIP
from comfy.vae.autoencoder import VAE
from comfy.weights.files import save_torch_file


def save_checkpoint(
    output_path: str | os.PathLike[str],
    model: ModelPatcher,
    clip: CLIP | None = None,
    vae: VAE | None = None,
    clip_vision: Any = None,
    metadata: Mapping[str, str] | None = None,
    extra_keys: Mapping[str, Tensor] = {},
) -> None:
    """Writes a checkpoint that `load_checkpoint` reads back: patches are baked in, counts go into the metadata.

    `extra_keys` are written as they are. An image encoder has no place in the families known here and is left out.
    """
    residency.load_models_gpu([model])
    saved = model.model.state_dict_for_saving(
        clip.get_sd() if clip is not None else None, vae.get_sd() if vae is not None else None
    )
    parts = (model.model.model_config, _encoder_of(clip), _network_of(vae))
    counts: dict[str, str] = {}
    for part in parts:
        counts |= getattr(part, "file_metadata", {})
    with torch.no_grad():
        save_torch_file({**saved, **extra_keys}, output_path, metadata={**counts, **(metadata or {})})


def _encoder_of(clip: CLIP | None) -> Any:
    return None if clip is None else clip.cond_stage_model


def _network_of(vae: VAE | None) -> Any:
    return None if vae is None else vae.first_stage_model
