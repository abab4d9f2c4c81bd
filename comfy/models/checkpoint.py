"""Opening checkpoints: one file, the model, text encoder and autoencoder in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from comfy.errors import UnknownModelError, WeightsError
from comfy.memory import devices, dtypes
from comfy.models.families import FAMILIES, detect_family, diffusion_prefix
from comfy.patching.patcher import ModelPatcher
from comfy.text.encoder import CLIP
from comfy.vae.autoencoder import VAE
from comfy.weights.assign import shapes_of, strip_prefix
from comfy.weights.files import load_torch_file


@dataclass
class Checkpoint:
    """What a checkpoint holds, as far as it was asked for; `metadata` is the file's own, strings to strings."""

    model: ModelPatcher | None = None
    clip: CLIP | None = None
    vae: VAE | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def load_checkpoint(
    path: str | os.PathLike[str],
    *,
    embedding_directories: Sequence[str | Path] = (),
    output_model: bool = True,
    output_clip: bool = True,
    output_vae: bool = True,
) -> Checkpoint:
    """Reads a single-file checkpoint, whatever its width; its kind is told by its keys.

    Raises: WeightsFileError for a file that is no sound checkpoint, UnknownModelError for keys of no known family,
    WeightsShapeError where numbers do not fit together. All carry `path` and the key at fault.
    """
    try:
        state_dict, metadata = load_torch_file(path, return_metadata=True)
        return load_state_dict(
            state_dict,
            metadata,
            embedding_directories=embedding_directories,
            output_model=output_model,
            output_clip=output_clip,
            output_vae=output_vae,
        )
    except WeightsError as error:
        raise _with_path(error, path) from error


def load_state_dict(
    state_dict: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
    *,
    embedding_directories: Sequence[str | Path] = (),
    output_model: bool = True,
    output_clip: bool = True,
    output_vae: bool = True,
) -> Checkpoint:
    """`load_checkpoint` for tensors that are already read."""
    metadata = dict(metadata or {})
    prefix = diffusion_prefix(list(state_dict))
    family, config = detect_family(shapes_of(state_dict, prefix), metadata)
    result = Checkpoint(metadata=metadata)
    if output_model:
        device = devices.get_torch_device()
        formats = family.model_config(config).supported_inference_dtypes
        dtype = dtypes.unet_dtype(device, supported_dtypes=formats)
        model = family.build(config, strip_prefix(state_dict, prefix), dtype)
        result.model = ModelPatcher(model, device, devices.unet_offload_device())
    if output_clip:
        result.clip = family.build_clip(state_dict, metadata, embedding_directories)
    if output_vae:
        weights = strip_prefix(state_dict, family.VAE_PREFIX)
        result.vae = VAE.from_state_dict(weights, metadata) if weights else None
    return result


def load_diffusion_model(path: str | os.PathLike[str]) -> ModelPatcher:
    """Reads a file that holds a diffusion network alone, with or without a checkpoint's prefix.

    Raises: as `load_checkpoint`.
    """
    model = load_checkpoint(path, output_clip=False, output_vae=False).model
    if model is None:
        raise UnknownModelError("the file holds no diffusion network", path=os.fspath(path))
    return model


def load_text_encoder(
    path: str | os.PathLike[str], *, embedding_directories: Sequence[str | Path] = ()
) -> CLIP:
    """Reads a stand-alone text encoder file (CLIP-L), or takes the encoder out of a checkpoint.

    Raises: WeightsFileError, UnknownModelError, WeightsShapeError with `path` and the key at fault.
    """
    try:
        state_dict, metadata = load_torch_file(path, return_metadata=True)
        for family in FAMILIES:
            clip = family.build_clip(state_dict, metadata, embedding_directories)
            if clip is not None:
                return clip
        raise UnknownModelError(
            "the file holds no text encoder known here",
            key=min(state_dict, default=""),
            expected="CLIP-L with keys like text_model.embeddings.token_embedding.weight",
            found=f"{len(state_dict)} keys",
        )
    except WeightsError as error:
        raise _with_path(error, path) from error


def load_vae(path: str | os.PathLike[str]) -> VAE:
    """Reads a stand-alone VAE file, or takes the VAE out of a checkpoint.

    Raises: WeightsFileError, UnknownModelError, WeightsShapeError with `path` and the key at fault.
    """
    try:
        state_dict, metadata = load_torch_file(path, return_metadata=True)
        return VAE.from_state_dict(state_dict, metadata)
    except WeightsError as error:
        raise _with_path(error, path) from error


def _with_path(error: WeightsError, path: str | os.PathLike[str]) -> WeightsError:
    """The same error with the file's name, for errors raised below the place that knows it."""
    fields: dict[str, Any] = {"key": error.key, "expected": error.expected, "found": error.found}
    return type(error)(error.message, path=error.path or os.fspath(path), **fields)
