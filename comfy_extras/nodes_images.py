"""Image nodes: cropping, turning, batching, fitting to sizes, noise. Animated files: comfy_extras/images/."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from comfy_extras import image_ops
from comfy_extras.core.limits import MAX_BATCH, MAX_RESOLUTION, MAX_SEED
from comfy_extras.frame_shapes import KeepsFrameShape, Shape
from comfy_extras.images.animation import SaveAnimatedPNG, SaveAnimatedWEBP

_OFFSET = ("INT", {"default": 0, "min": 0, "max": MAX_RESOLUTION, "step": 1})
_SIDE = ("INT", {"default": 512, "min": 1, "max": MAX_RESOLUTION, "step": 1})


class ImageCrop:
    """A rectangle out of images; at least one pixel."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "width": _SIDE,
                "height": _SIDE,
                "x": _OFFSET,
                "y": _OFFSET,
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "crop"
    FRAME_WISE = ("image",)
    CATEGORY = "image/transform"

    def crop(self, image: Tensor, width: int, height: int, x: int, y: int) -> tuple[Tensor]:
        return (image_ops.cropped(image, width, height, x, y),)

    def stream_shape(self, shape: Shape, width: int, height: int, x: int, y: int) -> Shape:
        """The rectangle, cut at the image's sides."""
        x, y = min(x, shape[1] - 1), min(y, shape[0] - 1)
        return min(height, shape[0] - y), min(width, shape[1] - x), *shape[2:]


class RepeatImageBatch:
    """The batch several times over."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "amount": ("INT", {"default": 1, "min": 1, "max": MAX_BATCH}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "repeat"
    CATEGORY = "image/batch"

    def repeat(self, image: Tensor, amount: int) -> tuple[Tensor]:
        image_ops.require_memory((amount, *image.shape), "amount", amount)
        return (image.repeat((amount, 1, 1, 1)),)


class ImageFromBatch:
    """Some images out of a batch."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "batch_index": ("INT", {"default": 0, "min": 0, "max": MAX_BATCH - 1}),
                "length": ("INT", {"default": 1, "min": 1, "max": MAX_BATCH}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "frombatch"
    CATEGORY = "image/batch"

    def frombatch(self, image: Tensor, batch_index: int, length: int) -> tuple[Tensor]:
        start = min(image.shape[0] - 1, batch_index)
        return (image[start : start + length].clone(),)


class ImageFlip(KeepsFrameShape):
    """Mirrors images."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "flip_method": (["x-axis: vertically", "y-axis: horizontally"],),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "flip"
    FRAME_WISE = ("image",)
    CATEGORY = "image/transform"

    def flip(self, image: Tensor, flip_method: str) -> tuple[Tensor]:
        return (image.flip(1 if flip_method.startswith("x") else 2),)


class ImageRotate:
    """Turns images clockwise."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "rotation": (["none", "90 degrees", "180 degrees", "270 degrees"],),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "rotate"
    FRAME_WISE = ("image",)
    CATEGORY = "image/transform"

    def rotate(self, image: Tensor, rotation: str) -> tuple[Tensor]:
        quarters = {"90": 1, "180": 2, "270": 3}.get(rotation.split(" ")[0], 0)
        return (image.rot90(quarters, dims=(2, 1)),)

    def stream_shape(self, shape: Shape, rotation: str) -> Shape:
        """Height and width change places in quarter turns."""
        return (shape[1], shape[0], *shape[2:]) if rotation.split(" ")[0] in ("90", "270") else shape


class ImageScaleToMaxDimension:
    """Resizes images so that their longer side has a given length."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (
                    # the doubled entry is the recorded list; clients show it as it is
                    ["area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic"],
                ),
                "largest_size": ("INT", {"default": 512, "min": 0, "max": MAX_RESOLUTION, "step": 1}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    FRAME_WISE = ("image",)
    CATEGORY = "image/upscaling"

    def upscale(self, image: Tensor, upscale_method: str, largest_size: int) -> tuple[Tensor]:
        height, width = image.shape[1:3]
        longer = max(height, width)
        new_width, new_height = (max(1, round(side * largest_size / longer)) for side in (width, height))
        return (image_ops.resized(image, new_width, new_height, upscale_method),)

    def stream_shape(self, shape: Shape, largest_size: int) -> Shape:
        """The new height and width."""
        longer = max(shape[:2])
        return *(max(1, round(side * largest_size / longer)) for side in shape[:2]), *shape[2:]


class ResizeAndPadImage:
    """Fits images into a size without cutting or stretching them; the rest is filled."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "target_width": _SIDE,
                "target_height": _SIDE,
                "padding_color": (["white", "black"],),
                "interpolation": (["area", "bicubic", "nearest-exact", "bilinear", "lanczos"],),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "resize_and_pad"
    FRAME_WISE = ("image",)
    CATEGORY = "image/transform"

    def resize_and_pad(
        self, image: Tensor, target_width: int, target_height: int, padding_color: str, interpolation: str
    ) -> tuple[Tensor]:
        level = 1.0 if padding_color == "white" else 0.0
        return (image_ops.fitted(image, target_width, target_height, interpolation, level),)

    def stream_shape(self, shape: Shape, target_width: int, target_height: int) -> Shape:
        """The canvas."""
        return target_height, target_width, *shape[2:]


class ImageAddNoise:
    """Adds grain to images."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "seed": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": MAX_SEED,
                        "control_after_generate": True,
                        "tooltip": "Start of the random numbers; the same seed gives the same grain.",
                    },
                ),
                "strength": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "repeat"
    CATEGORY = "image"

    def repeat(self, image: Tensor, seed: int, strength: float) -> tuple[Tensor]:
        return (image_ops.grained(image, seed, strength),)


class GetImageSize:
    """Width and height in pixels, and the number of images."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",)}, "hidden": {"unique_id": "UNIQUE_ID"}}

    RETURN_TYPES = ("INT", "INT", "INT")
    RETURN_NAMES = ("width", "height", "batch_size")
    FUNCTION = "get_size"
    CATEGORY = "image"
    DESCRIPTION = "Gives width and height of the images in pixels, and how many there are."

    def get_size(self, image: Tensor, unique_id: str | None = None) -> tuple[int, int, int]:
        return (image.shape[2], image.shape[1], image.shape[0])


NODE_CLASS_MAPPINGS = {
    "ImageCrop": ImageCrop,
    "RepeatImageBatch": RepeatImageBatch,
    "ImageFromBatch": ImageFromBatch,
    "ImageFlip": ImageFlip,
    "ImageRotate": ImageRotate,
    "ImageScaleToMaxDimension": ImageScaleToMaxDimension,
    "ResizeAndPadImage": ResizeAndPadImage,
    "ImageAddNoise": ImageAddNoise,
    "GetImageSize": GetImageSize,
    "SaveAnimatedPNG": SaveAnimatedPNG,
    "SaveAnimatedWEBP": SaveAnimatedWEBP,
}
NODE_DISPLAY_NAME_MAPPINGS = {"ImageCrop": "Image Crop", "GetImageSize": "Get Image Size"}
