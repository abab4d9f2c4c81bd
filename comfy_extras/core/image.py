"""Image nodes: resizing, inverting, batching, empty images, canvas for outpainting."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from comfy_extras import image_ops
from comfy_extras.core.limits import MAX_BATCH, MAX_RESOLUTION
from comfy_extras.frame_shapes import KeepsFrameShape, Shape

UPSCALE_METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
CROP_METHODS = ["disabled", "center"]


class ImageScale:
    """Resizes images; 0 keeps the aspect ratio."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        side = {"default": 512, "min": 0, "max": MAX_RESOLUTION, "step": 1}
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (UPSCALE_METHODS,),
                "width": ("INT", side),
                "height": ("INT", side),
                "crop": (CROP_METHODS,),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    FRAME_WISE = ("image",)
    CATEGORY = "image/upscaling"

    def upscale(
        self, image: Tensor, upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[Tensor]:
        if width == 0 and height == 0:
            return (image,)
        size = image_ops.scaled_size(image.shape[2], image.shape[1], width, height)
        return (image_ops.resized(image, *size, upscale_method, crop),)

    def stream_shape(self, shape: Shape, width: int, height: int) -> Shape:
        """The new height and width."""
        new_width, new_height = image_ops.scaled_size(shape[1], shape[0], width, height)
        return new_height, new_width, *shape[2:]


class ImageScaleBy:
    """Resizes images by a factor."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (UPSCALE_METHODS,),
                "scale_by": ("FLOAT", {"default": 1.0, "min": 0.01, "max": 8.0, "step": 0.01}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    FRAME_WISE = ("image",)
    CATEGORY = "image/upscaling"

    def upscale(self, image: Tensor, upscale_method: str, scale_by: float) -> tuple[Tensor]:
        width, height = (max(1, round(image.shape[axis] * scale_by)) for axis in (2, 1))
        return (image_ops.resized(image, width, height, upscale_method),)

    def stream_shape(self, shape: Shape, scale_by: float) -> Shape:
        """The new height and width."""
        return *(max(1, round(side * scale_by)) for side in shape[:2]), *shape[2:]


class ImageInvert(KeepsFrameShape):
    """The negative of images."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",)}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "invert"
    FRAME_WISE = ("image",)
    CATEGORY = "image"

    def invert(self, image: Tensor) -> tuple[Tensor]:
        return (1.0 - image,)


class ImageBatch:
    """Two batches as one; the second is resized to the first."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image1": ("IMAGE",), "image2": ("IMAGE",)}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "batch"
    CATEGORY = "image"

    def batch(self, image1: Tensor, image2: Tensor) -> tuple[Tensor]:
        return (image_ops.joined_batch(image1, image2),)


class EmptyImage:
    """Images of one colour."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        side = {"default": 512, "min": 1, "max": MAX_RESOLUTION, "step": 1}
        return {
            "required": {
                "width": ("INT", side),
                "height": ("INT", side),
                "batch_size": ("INT", {"default": 1, "min": 1, "max": MAX_BATCH}),
                "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "generate"
    CATEGORY = "image"

    def generate(self, width: int, height: int, batch_size: int = 1, color: int = 0) -> tuple[Tensor]:
        image_ops.require_memory((batch_size, height, width, 3), "batch_size", batch_size)
        return (image_ops.solid_image(width, height, batch_size, color),)


class ImagePadForOutpaint:
    """A larger canvas around images, with the mask of its empty border."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        side = ("INT", {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 8})
        return {
            "required": {
                "image": ("IMAGE",),
                "left": side,
                "top": side,
                "right": side,
                "bottom": side,
                "feathering": ("INT", {"default": 40, "min": 0, "max": MAX_RESOLUTION, "step": 1}),
            }
        }

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "expand_image"
    CATEGORY = "image"

    def expand_image(
        self, image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> tuple[Tensor, Tensor]:
        return image_ops.outpaint_canvas(image, left, top, right, bottom, feathering)


NODE_CLASS_MAPPINGS = {
    "ImageScale": ImageScale,
    "ImageScaleBy": ImageScaleBy,
    "ImageInvert": ImageInvert,
    "ImageBatch": ImageBatch,
    "EmptyImage": EmptyImage,
    "ImagePadForOutpaint": ImagePadForOutpaint,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "ImageScale": "Upscale Image",
    "ImageScaleBy": "Upscale Image By",
    "ImageInvert": "Invert Image",
    "ImageBatch": "Batch Images",
    "ImagePadForOutpaint": "Pad Image for Outpainting",
}
