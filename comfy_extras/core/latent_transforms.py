"""Latent nodes that move cells around: rotate, flip, crop, composite, blend. Positions are in pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.images import resampling
from comfy_extras.core.limits import MAX_RESOLUTION
from comfy_extras.latent_ops import composite_at

Latent = dict[str, Any]

LATENT_CELL = 8
MIN_CELLS = 8

_OFFSET = ("INT", {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 8})


class LatentRotate:
    """Turns a latent clockwise."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT",),
                "rotation": (["none", "90 degrees", "180 degrees", "270 degrees"],),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "rotate"
    CATEGORY = "latent/transform"

    def rotate(self, samples: Latent, rotation: str) -> tuple[Latent]:
        quarters = {"90": 1, "180": 2, "270": 3}.get(rotation.split(" ")[0], 0)
        return ({**samples, "samples": torch.rot90(samples["samples"], k=quarters, dims=[3, 2])},)


class LatentFlip:
    """Mirrors a latent."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT",),
                "flip_method": (["x-axis: vertically", "y-axis: horizontally"],),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "flip"
    CATEGORY = "latent/transform"

    def flip(self, samples: Latent, flip_method: str) -> tuple[Latent]:
        axis = 2 if flip_method.startswith("x") else 3
        return ({**samples, "samples": torch.flip(samples["samples"], dims=[axis])},)


class LatentComposite:
    """Lays one latent onto another, with a soft edge if wanted."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples_to": ("LATENT",),
                "samples_from": ("LATENT",),
                "x": _OFFSET,
                "y": _OFFSET,
                "feather": _OFFSET,
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "composite"
    CATEGORY = "latent"

    def composite(
        self,
        samples_to: Latent,
        samples_from: Latent,
        x: int,
        y: int,
        composite_method: str = "normal",
        feather: int = 0,
    ) -> tuple[Latent]:
        x, y, feather = (pixels // LATENT_CELL for pixels in (x, y, feather))
        tensor = composite_at(samples_to["samples"], samples_from["samples"], x, y, feather)
        return ({**samples_to, "samples": tensor},)


class LatentBlend:
    """Mixes two latents; the second is resized to the first."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples1": ("LATENT",),
                "samples2": ("LATENT",),
                "blend_factor": ("FLOAT", {"default": 0.5, "min": 0, "max": 1, "step": 0.01}),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "blend"
    CATEGORY = "_for_testing"

    def blend(
        self, samples1: Latent, samples2: Latent, blend_factor: float, blend_mode: str = "normal"
    ) -> tuple[Latent]:
        first: Tensor = samples1["samples"]
        second: Tensor = samples2["samples"]
        if first.shape != second.shape:
            second = resampling.common_upscale(second, first.shape[3], first.shape[2], "bicubic", "center")
        return ({**samples1, "samples": first * blend_factor + second * (1 - blend_factor)},)


class LatentCrop:
    """Cuts a rectangle out of a latent; at least 64 pixels stay in view."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        side = ("INT", {"default": 512, "min": 64, "max": MAX_RESOLUTION, "step": 8})
        return {
            "required": {
                "samples": ("LATENT",),
                "width": side,
                "height": side,
                "x": _OFFSET,
                "y": _OFFSET,
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "crop"
    CATEGORY = "latent/transform"

    def crop(self, samples: Latent, width: int, height: int, x: int, y: int) -> tuple[Latent]:
        tensor: Tensor = samples["samples"]
        left = min(x // LATENT_CELL, max(tensor.shape[3] - MIN_CELLS, 0))
        top = min(y // LATENT_CELL, max(tensor.shape[2] - MIN_CELLS, 0))
        right, bottom = left + width // LATENT_CELL, top + height // LATENT_CELL
        return ({**samples, "samples": tensor[:, :, top:bottom, left:right]},)


NODE_CLASS_MAPPINGS = {
    "LatentRotate": LatentRotate,
    "LatentFlip": LatentFlip,
    "LatentComposite": LatentComposite,
    "LatentBlend": LatentBlend,
    "LatentCrop": LatentCrop,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "LatentRotate": "Rotate Latent",
    "LatentFlip": "Flip Latent",
    "LatentComposite": "Latent Composite",
    "LatentBlend": "Latent Blend",
    "LatentCrop": "Crop Latent",
}
