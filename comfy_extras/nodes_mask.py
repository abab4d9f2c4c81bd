"""Mask nodes: conversion and arithmetic. Composites: comfy_extras/mask/. Packs import `composite` from here."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy_extras import mask_ops
from comfy_extras.core.image_io import PreviewImage
from comfy_extras.core.limits import MAX_RESOLUTION
from comfy_extras.errors import NodeInputError
from comfy_extras.frame_shapes import KeepsFrameShape, Shape
from comfy_extras.image_ops import require_memory
from comfy_extras.mask.composites import ImageCompositeMasked, LatentCompositeMasked
from comfy_extras.mask_ops import composite as composite

_OFFSET = ("INT", {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 1})
_SIDE = ("INT", {"default": 512, "min": 1, "max": MAX_RESOLUTION, "step": 1})


class MaskToImage(KeepsFrameShape):
    """A mask as a grey image."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"mask": ("MASK",)}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "mask_to_image"
    FRAME_WISE = ("mask",)
    CATEGORY = "mask"

    def mask_to_image(self, mask: Tensor) -> tuple[Tensor]:
        return (mask_ops.mask_to_image(mask),)


class ImageToMask(KeepsFrameShape):
    """One channel of an image as a mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "channel": (list(mask_ops.CHANNELS),)}}

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    FRAME_WISE = ("image",)
    CATEGORY = "mask"

    def image_to_mask(self, image: Tensor, channel: str) -> tuple[Tensor]:
        if mask_ops.CHANNELS.index(channel) >= image.shape[-1]:
            raise NodeInputError("channel", channel, f"is not in an image of {image.shape[-1]} channels")
        return (mask_ops.image_channel(image, channel),)


class ImageColorToMask(KeepsFrameShape):
    """Where an image has one colour."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}),
            }
        }

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    FRAME_WISE = ("image",)
    CATEGORY = "mask"

    def image_to_mask(self, image: Tensor, color: int) -> tuple[Tensor]:
        return (mask_ops.color_mask(image, color),)


class SolidMask:
    """A mask of one value."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "value": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
                "width": _SIDE,
                "height": _SIDE,
            }
        }

    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"
    CATEGORY = "mask"

    def solid(self, value: float, width: int, height: int) -> tuple[Tensor]:
        require_memory((1, height, width), "width", width)
        return (torch.full((1, height, width), value, dtype=torch.float32),)


class InvertMask(KeepsFrameShape):
    """1 - mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"mask": ("MASK",)}}

    RETURN_TYPES = ("MASK",)
    FUNCTION = "invert"
    FRAME_WISE = ("mask",)
    CATEGORY = "mask"

    def invert(self, mask: Tensor) -> tuple[Tensor]:
        return (1.0 - mask,)


class CropMask:
    """A rectangle out of a mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"mask": ("MASK",), "x": _OFFSET, "y": _OFFSET, "width": _SIDE, "height": _SIDE}}

    RETURN_TYPES = ("MASK",)
    FUNCTION = "crop"
    FRAME_WISE = ("mask",)
    CATEGORY = "mask"

    def stream_shape(self, shape: Shape, x: int, y: int, width: int, height: int) -> Shape:
        """The rectangle, cut at the mask's sides."""
        return max(0, min(height, shape[0] - y)), max(0, min(width, shape[1] - x)), *shape[2:]

    def crop(self, mask: Tensor, x: int, y: int, width: int, height: int) -> tuple[Tensor]:
        return (mask_ops.mask_as_batch(mask)[:, y : y + height, x : x + width],)


class MaskComposite:
    """Combines two masks by arithmetic or logic."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "destination": ("MASK",),
                "source": ("MASK",),
                "x": _OFFSET,
                "y": _OFFSET,
                "operation": (["multiply", "add", "subtract", "and", "or", "xor"],),
            }
        }

    RETURN_TYPES = ("MASK",)
    FUNCTION = "combine"
    CATEGORY = "mask"

    def combine(self, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> tuple[Tensor]:
        return (mask_ops.combined(destination, source, x, y, operation),)


class FeatherMask(KeepsFrameShape):
    """Soft edges of a mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "mask": ("MASK",),
                "left": _OFFSET,
                "top": _OFFSET,
                "right": _OFFSET,
                "bottom": _OFFSET,
            }
        }

    RETURN_TYPES = ("MASK",)
    FUNCTION = "feather"
    FRAME_WISE = ("mask",)
    CATEGORY = "mask"

    def feather(self, mask: Tensor, left: int, top: int, right: int, bottom: int) -> tuple[Tensor]:
        return (mask_ops.feathered(mask, left, top, right, bottom),)


class GrowMask(KeepsFrameShape):
    """A larger or smaller mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "mask": ("MASK",),
                "expand": ("INT", {"default": 0, "min": -MAX_RESOLUTION, "max": MAX_RESOLUTION, "step": 1}),
                "tapered_corners": ("BOOLEAN", {"default": True}),
            }
        }

    RETURN_TYPES = ("MASK",)
    FUNCTION = "expand_mask"
    FRAME_WISE = ("mask",)
    CATEGORY = "mask"

    def expand_mask(self, mask: Tensor, expand: int, tapered_corners: bool) -> tuple[Tensor]:
        return (mask_ops.grown(mask, expand, tapered_corners),)


class ThresholdMask(KeepsFrameShape):
    """1 where a mask is above a value, else 0."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "mask": ("MASK",),
                "value": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
            }
        }

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    FRAME_WISE = ("mask",)
    CATEGORY = "mask"

    def image_to_mask(self, mask: Tensor, value: float) -> tuple[Tensor]:
        return ((mask > value).float(),)


class MaskPreview(PreviewImage):
    """Shows a mask as a grey image."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"mask": ("MASK",)},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    FUNCTION = "execute"
    CATEGORY = "mask"
    DESCRIPTION = "Shows the masks without saving them in the output folder."

    def execute(
        self,
        mask: Tensor,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        return self.save_images(mask_ops.mask_to_image(mask), filename_prefix, prompt, extra_pnginfo)


NODE_CLASS_MAPPINGS = {
    "LatentCompositeMasked": LatentCompositeMasked,
    "ImageCompositeMasked": ImageCompositeMasked,
    "MaskToImage": MaskToImage,
    "ImageToMask": ImageToMask,
    "ImageColorToMask": ImageColorToMask,
    "SolidMask": SolidMask,
    "InvertMask": InvertMask,
    "CropMask": CropMask,
    "MaskComposite": MaskComposite,
    "FeatherMask": FeatherMask,
    "GrowMask": GrowMask,
    "ThresholdMask": ThresholdMask,
    "MaskPreview": MaskPreview,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "MaskToImage": "Convert Mask to Image",
    "ImageToMask": "Convert Image to Mask",
}
