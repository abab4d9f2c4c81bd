"""Nodes that save a batch as one moving picture."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import folder_paths
from comfy_api.media import animated, saving
from comfy_extras.core.image_io import check_prefix, output_place, write_counted


class AnimationSaver:
    """What saving an animation has in common, whatever the file format."""

    def __init__(self) -> None:
        self.output_dir = folder_paths.get_output_directory()
        self.type = "output"
        self.prefix_append = ""

    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image/animation"

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: str | None = None) -> bool | str:
        return check_prefix(filename_prefix, folder_paths.get_output_directory())

    def saved(self, prefix: str, images: Tensor, suffix: str, content: bytes) -> dict[str, Any]:
        """Writes the file; gives what clients are told of it."""
        folder, name, counter, subfolder, _ = output_place(
            prefix + self.prefix_append, self.output_dir, images.shape[2], images.shape[1]
        )
        filename, _ = write_counted(folder, name, counter, suffix, content)
        entry = {"filename": filename, "subfolder": subfolder, "type": self.type}
        return {"ui": {"images": [entry], "animated": (len(images) != 1,)}}


class SaveAnimatedPNG(AnimationSaver):
    """Saves a batch as one animated PNG."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
                "compress_level": ("INT", {"default": 4, "min": 0, "max": 9}),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_images(
        self,
        images: Tensor,
        fps: float,
        compress_level: int,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        text = saving.metadata_text(prompt, extra_pnginfo)
        content = animated.encode_apng(images, fps, text, compress_level)
        return self.saved(filename_prefix, images, ".png", content)


class SaveAnimatedWEBP(AnimationSaver):
    """Saves a batch as one animated WebP."""

    methods = {"default": 4, "fastest": 0, "slowest": 6}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": (list(cls.methods),),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_images(
        self,
        images: Tensor,
        fps: float,
        filename_prefix: str,
        lossless: bool,
        quality: int,
        method: str,
        num_frames: int = 0,
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        text = saving.metadata_text(prompt, extra_pnginfo)
        content = animated.encode_webp(images, fps, text, lossless, quality, self.methods[method])
        return self.saved(filename_prefix, images, ".webp", content)
