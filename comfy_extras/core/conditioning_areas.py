"""Conditioning nodes that bind a prompt to a part of the picture: areas, strengths, masks."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from comfy.text.conditioning import conditioning_set_values
from comfy_extras.core.limits import MAX_RESOLUTION

Conditioning = list[list[Any]]

_STRENGTH = ("FLOAT", {"default": 1.0, "min": 0.0, "max": 10.0, "step": 0.01})
LATENT_CELL = 8
"""Pixels per latent cell that areas are given in; the sampler rescales for families with another factor."""


class ConditioningSetArea:
    """Binds the conditioning to a rectangle, in pixels."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        size = {"default": 64, "min": 64, "max": MAX_RESOLUTION, "step": 8}
        offset = {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 8}
        return {
            "required": {
                "conditioning": ("CONDITIONING",),
                "width": ("INT", size),
                "height": ("INT", size),
                "x": ("INT", offset),
                "y": ("INT", offset),
                "strength": _STRENGTH,
            }
        }

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    def append(
        self, conditioning: Conditioning, width: int, height: int, x: int, y: int, strength: float
    ) -> tuple[Conditioning]:
        area = tuple(pixels // LATENT_CELL for pixels in (height, width, y, x))
        values = {"area": area, "strength": strength, "set_area_to_bounds": False}
        return (conditioning_set_values(conditioning, values),)


class ConditioningSetAreaPercentage:
    """Binds the conditioning to a rectangle, in shares of the picture."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        size = {"default": 1.0, "min": 0, "max": 1.0, "step": 0.01}
        offset = {"default": 0, "min": 0, "max": 1.0, "step": 0.01}
        return {
            "required": {
                "conditioning": ("CONDITIONING",),
                "width": ("FLOAT", size),
                "height": ("FLOAT", size),
                "x": ("FLOAT", offset),
                "y": ("FLOAT", offset),
                "strength": _STRENGTH,
            }
        }

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    def append(
        self, conditioning: Conditioning, width: float, height: float, x: float, y: float, strength: float
    ) -> tuple[Conditioning]:
        area = ("percentage", height, width, y, x)
        values = {"area": area, "strength": strength, "set_area_to_bounds": False}
        return (conditioning_set_values(conditioning, values),)


class ConditioningSetAreaStrength:
    """How much the conditioning counts where it overlaps with others."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"conditioning": ("CONDITIONING",), "strength": _STRENGTH}}

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    def append(self, conditioning: Conditioning, strength: float) -> tuple[Conditioning]:
        return (conditioning_set_values(conditioning, {"strength": strength}),)


class ConditioningSetMask:
    """Weighs the conditioning by a mask; `mask bounds` also cuts the model's view to the mask's bounding
    box."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "conditioning": ("CONDITIONING",),
                "mask": ("MASK",),
                "strength": _STRENGTH,
                "set_cond_area": (["default", "mask bounds"],),
            }
        }

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "append"
    CATEGORY = "conditioning"

    def append(
        self, conditioning: Conditioning, mask: Tensor, set_cond_area: str, strength: float
    ) -> tuple[Conditioning]:
        values = {
            "mask": mask if mask.ndim >= 3 else mask.unsqueeze(0),
            "set_area_to_bounds": set_cond_area != "default",
            "mask_strength": strength,
        }
        return (conditioning_set_values(conditioning, values),)


NODE_CLASS_MAPPINGS = {
    "ConditioningSetArea": ConditioningSetArea,
    "ConditioningSetAreaPercentage": ConditioningSetAreaPercentage,
    "ConditioningSetAreaStrength": ConditioningSetAreaStrength,
    "ConditioningSetMask": ConditioningSetMask,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "ConditioningSetArea": "Conditioning (Set Area)",
    "ConditioningSetAreaPercentage": "Conditioning (Set Area with Percentage)",
    "ConditioningSetAreaStrength": "ConditioningSetAreaStrength",
    "ConditioningSetMask": "Conditioning (Set Mask)",
}
