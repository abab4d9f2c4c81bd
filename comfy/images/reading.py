"""Picture files to image tensors and masks: EXIF rotation, animated files, 16-bit greys, transparency.

Image: (B,H,W,3) float32 0..1. Mask: (B,H,W) float32 0..1, 1 where the picture is transparent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps, ImageSequence
from torch import Tensor

Argument = TypeVar("Argument")
Result = TypeVar("Result")

NO_MASK_SIDE = 64
"""Side of the all-zero mask that a picture without transparency gives. Contract: nodes test for this size."""


def pillow(fn: Callable[[Argument], Result], arg: Argument) -> Result:
    """`fn(arg)`, tried again with truncated files allowed when Pillow cannot read the file to its end."""
    try:
        return fn(arg)
    except (OSError, ValueError, SyntaxError):
        allowed = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            return fn(arg)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = allowed


def load_frames(path: str | os.PathLike[str]) -> tuple[Tensor, Tensor]:
    """All frames of a picture file that have the first one's size, and their masks.

    Of a multi-picture JPEG only the first is taken. Raises: OSError when Pillow cannot read the file.
    """
    with pillow(Image.open, os.fspath(path)) as picture:
        single = picture.format == "MPO"
        images: list[Tensor] = []
        masks: list[Tensor | None] = []
        for raw in ImageSequence.Iterator(picture):
            frame = pillow(_upright, raw)
            pixels = frame_pixels(frame)
            if images and pixels.shape != images[0].shape:
                continue
            images.append(pixels)
            masks.append(frame_mask(frame))
            if single:
                break
    return torch.stack(images), _stacked(masks, images[0])


def load_channel(path: str | os.PathLike[str], channel: str) -> Tensor:
    """One channel, "red", "green", "blue" or "alpha", of a picture file as a mask (1,H,W); alpha is
    inverted."""
    with pillow(Image.open, os.fspath(path)) as picture:
        frame = pillow(_upright, picture)
    if channel == "alpha":
        mask = frame_mask(frame)
        return (mask if mask is not None else torch.zeros(frame.height, frame.width)).unsqueeze(0)
    return frame_pixels(frame)[..., "rgb".index(channel[0])].unsqueeze(0)


def frame_pixels(frame: Image.Image) -> Tensor:
    """The colours of one frame: (H,W,3) float32 0..1. Greys of 16 or 32 bits keep their depth."""
    if frame.mode.startswith("I"):
        deep = np.asarray(frame, dtype=np.float32) / _full_scale(frame)
        return torch.from_numpy(deep).clamp(0, 1).unsqueeze(-1).expand(-1, -1, 3).contiguous()
    return torch.from_numpy(np.array(frame.convert("RGB"), dtype=np.float32) / 255.0)


def frame_mask(frame: Image.Image) -> Tensor | None:
    """1 - alpha of one frame, (H,W), or None when it has no transparency."""
    if "A" not in frame.getbands():
        if "transparency" not in frame.info:
            return None
        frame = frame.convert("RGBA")
    return 1.0 - torch.from_numpy(np.array(frame.getchannel("A"), dtype=np.float32) / 255.0)


def _upright(frame: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(frame)


def _full_scale(frame: Image.Image) -> float:
    """White of an integer picture: 16-bit files say so by mode; 32-bit integers may hold 8 or 16 bits."""
    return 65535.0 if frame.mode != "I" or int(np.asarray(frame).max()) > 255 else 255.0


def _stacked(masks: list[Tensor | None], image: Tensor) -> Tensor:
    """One mask per frame; when no frame has transparency they are small and empty."""
    if all(mask is None for mask in masks):
        return torch.zeros(len(masks), NO_MASK_SIDE, NO_MASK_SIDE)
    return torch.stack([torch.zeros(image.shape[:2]) if mask is None else mask for mask in masks])
