"""Loading in the form in which packs call it: positional arguments, tuples as results. Door: `comfy.sd`.

Our own code calls `comfy.models.checkpoint`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from comfy.errors import UnknownModelError
from comfy.models import checkpoint
from comfy.models.checkpoint import Checkpoint
from comfy.patching.options import copy_options
from comfy.patching.patcher import ModelPatcher
from comfy.text.encoder import CLIP
from comfy.vae.autoencoder import VAE


class CLIPType(Enum):
    """What a text encoder file shall be used for. Names and values are known to packs."""

    STABLE_DIFFUSION = 1
    STABLE_CASCADE = 2
    SD3 = 3
    STABLE_AUDIO = 4
    HUNYUAN_DIT = 5
    FLUX = 6
    MOCHI = 7
    LTXV = 8
    HUNYUAN_VIDEO = 9
    PIXART = 10
    COSMOS = 11
    LUMINA2 = 12
    WAN = 13
    HIDREAM = 14
    CHROMA = 15
    ACE = 16
    OMNIGEN2 = 17
    QWEN_IMAGE = 18
    HUNYUAN_IMAGE = 19


Loaded = tuple[ModelPatcher | None, CLIP | None, VAE | None, None]
Directories = str | Path | Sequence[str | Path] | None


def load_checkpoint_guess_config(
    ckpt_path: str | os.PathLike[str],
    output_vae: bool = True,
    output_clip: bool = True,
    output_clipvision: bool = False,
    embedding_directory: Directories = None,
    output_model: bool = True,
    model_options: Mapping[str, Any] = {},
    te_model_options: Mapping[str, Any] = {},
) -> Loaded:
    """(model, clip, vae, None) of a checkpoint; the last place is for an image encoder, which no known family has.

    `model_options` becomes the start of the model's own options. Raises: as `comfy.models.checkpoint`.
    """
    loaded = checkpoint.load_checkpoint(
        ckpt_path,
        embedding_directories=_directories(embedding_directory),
        output_model=output_model,
        output_clip=output_clip,
        output_vae=output_vae,
    )
    return _tuple(loaded, model_options)


def load_state_dict_guess_config(
    sd: Mapping[str, Tensor],
    output_vae: bool = True,
    output_clip: bool = True,
    output_clipvision: bool = False,
    embedding_directory: Directories = None,
    output_model: bool = True,
    model_options: Mapping[str, Any] = {},
    te_model_options: Mapping[str, Any] = {},
    metadata: Mapping[str, str] | None = None,
) -> Loaded:
    """`load_checkpoint_guess_config` for tensors that are already read."""
    loaded = checkpoint.load_state_dict(
        sd,
        metadata,
        embedding_directories=_directories(embedding_directory),
        output_model=output_model,
        output_clip=output_clip,
        output_vae=output_vae,
    )
    return _tuple(loaded, model_options)


def load_diffusion_model(
    unet_path: str | os.PathLike[str], model_options: Mapping[str, Any] = {}
) -> ModelPatcher:
    """The model of a file that holds a diffusion network. Raises: as `comfy.models.checkpoint`."""
    return _with_options(checkpoint.load_diffusion_model(unet_path), model_options)


def load_diffusion_model_state_dict(
    sd: Mapping[str, Tensor], model_options: Mapping[str, Any] = {}
) -> ModelPatcher | None:
    """The model of tensors that are already read."""
    loaded = checkpoint.load_state_dict(sd, output_clip=False, output_vae=False)
    return None if loaded.model is None else _with_options(loaded.model, model_options)


def load_clip(
    ckpt_paths: Sequence[str | os.PathLike[str]],
    embedding_directory: Directories = None,
    clip_type: CLIPType = CLIPType.STABLE_DIFFUSION,
    model_options: Mapping[str, Any] = {},
) -> CLIP:
    """The text encoder of stand-alone files; today CLIP-L in one file, for Stable Diffusion.

    Raises: UnknownModelError for another kind or number of files; WeightsError for a file that does not fit.
    """
    if clip_type is not CLIPType.STABLE_DIFFUSION or len(ckpt_paths) != 1:
        raise UnknownModelError(
            "no text encoder of this kind is known here",
            path=", ".join(os.fspath(path) for path in ckpt_paths),
            expected=f"one file for {CLIPType.STABLE_DIFFUSION.name}",
            found=f"{len(ckpt_paths)} for {clip_type.name}",
        )
    return checkpoint.load_text_encoder(
        ckpt_paths[0], embedding_directories=_directories(embedding_directory)
    )


def load_unet(unet_path: str | os.PathLike[str], dtype: torch.dtype | None = None) -> ModelPatcher:
    """`load_diffusion_model` under its older name; a type of weights may be asked for."""
    return load_diffusion_model(unet_path, {} if dtype is None else {"dtype": dtype})


def load_unet_state_dict(sd: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> ModelPatcher | None:
    """`load_diffusion_model_state_dict` under its older name."""
    return load_diffusion_model_state_dict(sd, {} if dtype is None else {"dtype": dtype})


def _tuple(loaded: Checkpoint, model_options: Mapping[str, Any]) -> Loaded:
    model = None if loaded.model is None else _with_options(loaded.model, model_options)
    return model, loaded.clip, loaded.vae, None


def _with_options(patcher: ModelPatcher, model_options: Mapping[str, Any]) -> ModelPatcher:
    """The patcher with options laid over its own; "dtype" is the type the network shall compute in."""
    options = copy_options(dict(model_options))
    dtype = options.pop("dtype", None)
    if isinstance(dtype, torch.dtype):
        patcher.model.diffusion_model.to(dtype)
    patcher.model_options.update(options)
    return patcher


def _directories(given: Directories) -> Sequence[str | Path]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str | Path) else given
