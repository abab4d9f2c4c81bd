"""Latent nodes: making, resizing and batching latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.images import resampling
from comfy.memory import devices
from comfy_extras import latent_ops
from comfy_extras.core.limits import MAX_BATCH, MAX_RESOLUTION
from comfy_extras.image_ops import require_memory, scaled_size

Latent = dict[str, Any]

UPSCALE_METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "bislerp"]
CROP_METHODS = ["disabled", "center"]

LATENT_CELL = 8
MIN_CELLS = 8
"""Smallest side of a latent that LatentUpscale makes: 64 pixels."""


class EmptyLatentImage:
    """A latent of zeros: the canvas of a new picture."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        side = {"default": 512, "min": 16, "max": MAX_RESOLUTION, "step": 8}
        return {
            "required": {
                "width": ("INT", {**side, "tooltip": "Width of the picture in pixels."}),
                "height": ("INT", {**side, "tooltip": "Height of the picture in pixels."}),
                "batch_size": (
                    "INT",
                    {"default": 1, "min": 1, "max": MAX_BATCH, "tooltip": "Number of pictures at once."},
                ),
            }
        }

    RETURN_TYPES = ("LATENT",)
    OUTPUT_TOOLTIPS = ("The empty latent.",)
    FUNCTION = "generate"
    CATEGORY = "latent"
    DESCRIPTION = "Makes empty latents, which sampling turns into new pictures."

    def generate(self, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
        shape = (batch_size, 4, height // LATENT_CELL, width // LATENT_CELL)
        require_memory(shape, "batch_size", batch_size)
        return ({"samples": torch.zeros(shape, device=devices.intermediate_device())},)


class LatentUpscale:
    """Resizes a latent to a picture size in pixels; 0 keeps the aspect ratio."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        side = {"default": 512, "min": 0, "max": MAX_RESOLUTION, "step": 8}
        return {
            "required": {
                "samples": ("LATENT",),
                "upscale_method": (UPSCALE_METHODS,),
                "width": ("INT", side),
                "height": ("INT", side),
                "crop": (CROP_METHODS,),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "upscale"
    CATEGORY = "latent"

    def upscale(
        self, samples: Latent, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[Latent]:
        if width == 0 and height == 0:
            return (samples,)
        tensor: Tensor = samples["samples"]
        w, h = scaled_size(tensor.shape[-1] * LATENT_CELL, tensor.shape[-2] * LATENT_CELL, width, height)
        cells = (max(w // LATENT_CELL, MIN_CELLS), max(h // LATENT_CELL, MIN_CELLS))
        return ({**samples, "samples": resampling.common_upscale(tensor, *cells, upscale_method, crop)},)


class LatentUpscaleBy:
    """Resizes a latent by a factor."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT",),
                "upscale_method": (UPSCALE_METHODS,),
                "scale_by": ("FLOAT", {"default": 1.5, "min": 0.01, "max": 8.0, "step": 0.01}),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "upscale"
    CATEGORY = "latent"

    def upscale(self, samples: Latent, upscale_method: str, scale_by: float) -> tuple[Latent]:
        tensor: Tensor = samples["samples"]
        width, height = (max(1, round(tensor.shape[axis] * scale_by)) for axis in (-1, -2))
        return (
            {
                **samples,
                "samples": resampling.common_upscale(tensor, width, height, upscale_method, "disabled"),
            },
        )


class LatentFromBatch:
    """Some latents out of a batch; their noise stays what it was within the batch."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT",),
                "batch_index": ("INT", {"default": 0, "min": 0, "max": 63}),
                "length": ("INT", {"default": 1, "min": 1, "max": 64}),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "frombatch"
    CATEGORY = "latent/batch"

    def frombatch(self, samples: Latent, batch_index: int, length: int) -> tuple[Latent]:
        return (latent_ops.batch_slice(samples, batch_index, length),)


class RepeatLatentBatch:
    """The batch several times over; every repetition gets noise of its own."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT",),
                "amount": ("INT", {"default": 1, "min": 1, "max": 64}),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "repeat"
    CATEGORY = "latent/batch"

    def repeat(self, samples: Latent, amount: int) -> tuple[Latent]:
        return (latent_ops.batch_repeat(samples, amount),)


class SetLatentNoiseMask:
    """Lets sampling change a latent only where the mask is set."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"samples": ("LATENT",), "mask": ("MASK",)}}

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "set_mask"
    CATEGORY = "latent/inpaint"

    def set_mask(self, samples: Latent, mask: Tensor) -> tuple[Latent]:
        return ({**samples, "noise_mask": mask.reshape(-1, 1, mask.shape[-2], mask.shape[-1])},)


NODE_CLASS_MAPPINGS = {
    "EmptyLatentImage": EmptyLatentImage,
    "LatentUpscale": LatentUpscale,
    "LatentUpscaleBy": LatentUpscaleBy,
    "LatentFromBatch": LatentFromBatch,
    "RepeatLatentBatch": RepeatLatentBatch,
    "SetLatentNoiseMask": SetLatentNoiseMask,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "EmptyLatentImage": "Empty Latent Image",
    "LatentUpscale": "Upscale Latent",
    "LatentUpscaleBy": "Upscale Latent By",
    "LatentFromBatch": "Latent From Batch",
    "RepeatLatentBatch": "Repeat Latent Batch",
    "SetLatentNoiseMask": "Set Latent Noise Mask",
}
