"""Nodes that lay one latent or image onto another through a mask."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from comfy.images.alpha import image_alpha_fix
from comfy_extras import mask_ops
from comfy_extras.core.limits import MAX_RESOLUTION

Latent = dict[str, Any]

_OFFSET = ("INT", {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 1})
_LATENT_OFFSET = ("INT", {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 8})
_LATENT_CELL = 8


class LatentCompositeMasked:
    """Lays one latent onto another through a mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "destination": ("LATENT",),
                "source": ("LATENT",),
                "x": _LATENT_OFFSET,
                "y": _LATENT_OFFSET,
                "resize_source": ("BOOLEAN", {"default": False}),
            },
            "optional": {"mask": ("MASK",)},
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "composite"
    CATEGORY = "latent"

    def composite(
        self,
        destination: Latent,
        source: Latent,
        x: int,
        y: int,
        resize_source: bool,
        mask: Tensor | None = None,
    ) -> tuple[Latent]:
        samples = mask_ops.composite(
            destination["samples"], source["samples"], x, y, mask, _LATENT_CELL, resize_source
        )
        return ({**destination, "samples": samples},)


class ImageCompositeMasked:
    """Lays one image onto another through a mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "destination": ("IMAGE",),
                "source": ("IMAGE",),
                "x": _OFFSET,
                "y": _OFFSET,
                "resize_source": ("BOOLEAN", {"default": False}),
            },
            "optional": {"mask": ("MASK",)},
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "composite"
    CATEGORY = "image"

    def composite(
        self,
        destination: Tensor,
        source: Tensor,
        x: int,
        y: int,
        resize_source: bool,
        mask: Tensor | None = None,
    ) -> tuple[Tensor]:
        destination, fitted = image_alpha_fix(destination, source)
        laid = mask_ops.composite(
            destination.movedim(-1, 1), fitted.movedim(-1, 1), x, y, mask, 1, resize_source
        )
        return (laid.movedim(1, -1),)
