"""Loader nodes: files of weights to models, text encoders and VAEs. Names are relative to the model
folders."""

from __future__ import annotations

from typing import Any, ClassVar

import folder_paths
from comfy.models import checkpoint as checkpoints
from comfy.text.encoder import CLIP
from comfy.vae.autoencoder import VAE
from comfy.vae.pixel_space import PIXEL_SPACE_WEIGHTS
from comfy.weights import files
from comfy.weights.lora import load as loras

PIXEL_SPACE = "pixel_space"
"""Name in the VAE list of the VAE whose latents are the pixels themselves."""


class CheckpointLoaderSimple:
    """One file with diffusion model, text encoder and VAE; their family is read from the file's keys."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "ckpt_name": (
                    folder_paths.get_filename_list("checkpoints"),
                    {"tooltip": "File of the checkpoint to load."},
                )
            }
        }

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    OUTPUT_TOOLTIPS = (
        "Diffusion model: removes noise from latents.",
        "Text encoder: turns prompts into conditioning.",
        "VAE: turns pictures into latents and back.",
    )
    FUNCTION = "load_checkpoint"
    CATEGORY = "loaders"
    DESCRIPTION = "Loads a checkpoint file with everything that is needed to make pictures."

    def load_checkpoint(self, ckpt_name: str) -> tuple[Any, Any, Any]:
        path = folder_paths.get_full_path_or_raise("checkpoints", ckpt_name)
        loaded = checkpoints.load_checkpoint(
            path, embedding_directories=folder_paths.get_folder_paths("embeddings")
        )
        return (loaded.model, loaded.clip, loaded.vae)


class VAELoader:
    """A VAE of its own file."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"vae_name": ([*folder_paths.get_filename_list("vae"), PIXEL_SPACE],)}}

    RETURN_TYPES = ("VAE",)
    FUNCTION = "load_vae"
    CATEGORY = "loaders"

    def load_vae(self, vae_name: str) -> tuple[VAE]:
        if vae_name == PIXEL_SPACE:
            return (VAE.from_state_dict(PIXEL_SPACE_WEIGHTS),)
        path = folder_paths.get_full_path_or_raise("vae", vae_name)
        return (checkpoints.load_vae(path),)


class LoraLoader:
    """Adds a LoRA to a diffusion model and its text encoder. The file is kept until another one is asked
    for."""

    _strength: ClassVar[dict[str, Any]] = {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01}

    def __init__(self) -> None:
        self.loaded_lora: tuple[str, Any] | None = None

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": ("MODEL", {"tooltip": "Diffusion model that the LoRA changes."}),
                "clip": ("CLIP", {"tooltip": "Text encoder that the LoRA changes."}),
                "lora_name": (folder_paths.get_filename_list("loras"), {"tooltip": "File of the LoRA."}),
                "strength_model": (
                    "FLOAT",
                    {**cls._strength, "tooltip": "Factor on the diffusion model's change; may be negative."},
                ),
                "strength_clip": (
                    "FLOAT",
                    {**cls._strength, "tooltip": "Factor on the text encoder's change; may be negative."},
                ),
            }
        }

    RETURN_TYPES: tuple[str, ...] = ("MODEL", "CLIP")
    OUTPUT_TOOLTIPS = ("The changed diffusion model.", "The changed text encoder.")
    FUNCTION = "load_lora"
    CATEGORY = "loaders"
    DESCRIPTION = (
        "Adds a LoRA, a small trained change of weights, to model and text encoder; chain them freely."
    )

    def load_lora(
        self, model: Any, clip: CLIP | None, lora_name: str, strength_model: float, strength_clip: float
    ) -> tuple[Any, CLIP | None]:
        if strength_model == 0 and strength_clip == 0:
            return (model, clip)
        lora = self._weights(folder_paths.get_full_path_or_raise("loras", lora_name))
        return loras.load_lora_for_models(model, clip, lora, strength_model, strength_clip)

    def _weights(self, path: str) -> Any:
        if self.loaded_lora is None or self.loaded_lora[0] != path:
            self.loaded_lora = (path, files.load_torch_file(path, safe_load=True))
        return self.loaded_lora[1]


class LoraLoaderModelOnly(LoraLoader):
    """Adds a LoRA to a diffusion model alone."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": ("MODEL",),
                "lora_name": (folder_paths.get_filename_list("loras"),),
                "strength_model": ("FLOAT", dict(cls._strength)),
            }
        }

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "load_lora_model_only"

    def load_lora_model_only(self, model: Any, lora_name: str, strength_model: float) -> tuple[Any]:
        return (self.load_lora(model, None, lora_name, strength_model, 0)[0],)


NODE_CLASS_MAPPINGS = {
    "CheckpointLoaderSimple": CheckpointLoaderSimple,
    "VAELoader": VAELoader,
    "LoraLoader": LoraLoader,
    "LoraLoaderModelOnly": LoraLoaderModelOnly,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "CheckpointLoaderSimple": "Load Checkpoint",
    "VAELoader": "Load VAE",
    "LoraLoader": "Load LoRA",
    "LoraLoaderModelOnly": "LoraLoaderModelOnly",
}
