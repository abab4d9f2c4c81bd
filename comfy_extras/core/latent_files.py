"""Nodes that keep latents in files: safetensors with the tensor `latent_tensor` and the graph as metadata."""

from __future__ import annotations

import os
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

import folder_paths
from comfy import hashing
from comfy.errors import WeightsError
from comfy_api.media import saving
from comfy_extras.core.image_io import check_prefix, output_place, write_counted
from comfy_extras.errors import InputFileError

Latent = dict[str, Any]

SUFFIX = ".latent"
TENSOR_KEY = "latent_tensor"
VERSION_KEY = "latent_format_version_0"
"""An empty tensor of this name says that the values are stored as they are between nodes."""

UNVERSIONED_FACTOR = 1.0 / 0.18215
"""Files without a version hold SD1's scaled values."""


class SaveLatent:
    """Saves a latent in the output folder."""

    def __init__(self) -> None:
        self.output_dir = folder_paths.get_output_directory()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT",),
                "filename_prefix": ("STRING", {"default": "latents/ComfyUI"}),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "_for_testing"

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: str | None = None) -> bool | str:
        return check_prefix(filename_prefix, folder_paths.get_output_directory())

    def save(
        self,
        samples: Latent,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        folder, name, counter, subfolder, _ = output_place(filename_prefix, self.output_dir)
        tensors = {
            TENSOR_KEY: samples["samples"].detach().contiguous().cpu(),
            VERSION_KEY: torch.tensor([]),
        }
        content = save(tensors, metadata=saving.metadata_text(prompt, extra_pnginfo) or None)
        filename, _ = write_counted(folder, name, counter, SUFFIX, content)
        return {"ui": {"latents": [{"filename": filename, "subfolder": subfolder, "type": "output"}]}}


class LoadLatent:
    """A latent file of the input folder."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        root = folder_paths.get_input_directory()
        names = [entry.name for entry in os.scandir(root) if entry.is_file()] if os.path.isdir(root) else []
        return {"required": {"latent": [sorted(name for name in names if name.endswith(SUFFIX))]}}

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "load"
    CATEGORY = "_for_testing"

    def load(self, latent: str) -> tuple[Latent]:
        return ({"samples": read_latent(_path(latent), latent)},)

    @classmethod
    def IS_CHANGED(cls, latent: str) -> str:
        return hashing.file_digest(_path(latent))

    @classmethod
    def VALIDATE_INPUTS(cls, latent: str) -> bool | str:
        found = latent is None or (isinstance(latent, str) and folder_paths.exists_annotated_filepath(latent))
        return True if found else f"Invalid latent file: {latent}"


def read_latent(path: str, name: str) -> torch.Tensor:
    """The latent (B,C,H,W) float32 of a file, scaled as between nodes. Raises: InputFileError."""
    try:
        tensors = load_file(path, device="cpu")
    except (SafetensorError, WeightsError, OSError) as error:
        raise InputFileError("latent", name, f"is no latent file that can be read: {error}") from error
    if TENSOR_KEY not in tensors:
        raise InputFileError("latent", name, f"holds no tensor named {TENSOR_KEY}")
    factor = 1.0 if VERSION_KEY in tensors else UNVERSIONED_FACTOR
    return tensors[TENSOR_KEY].float() * factor


def _path(name: str) -> str:
    try:
        return folder_paths.get_annotated_filepath(name)
    except folder_paths.PathEscapeError as error:
        raise InputFileError("latent", name, error.reason) from error


NODE_CLASS_MAPPINGS = {"SaveLatent": SaveLatent, "LoadLatent": LoadLatent}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}
