"""Batches as moving pictures: animated PNG and WebP, metadata where clients look for it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from comfy_api.errors import MediaError
from comfy_api.media.png import SAVE_LEVEL, to_pil

_EXIF_MODEL = 0x0110
_EXIF_MAKE = 0x010F
"""WebP: the prompt stands in tag Model, further keys from Make downwards (measured: file_metadata)."""


def _frames(images: Any, fps: float) -> tuple[Image.Image, list[Image.Image], int]:
    if not len(images):
        raise MediaError("has no frames", source="animation")
    if not fps > 0:
        raise MediaError(f"frame rate must be above 0, came {fps}", source="animation")
    first, *rest = [to_pil(image) for image in images]
    return first, rest, int(1000.0 / fps)


def encode_apng(images: Any, fps: float, text: Mapping[str, str], compress_level: int = SAVE_LEVEL) -> bytes:
    """Frames (B,H,W,C) float32 0..1 as one animated PNG; private chunks `comf` after the pixels hold the text.

    Raises: MediaError without frames or with a frame rate that is not above 0.
    """
    first, rest, duration_ms = _frames(images, fps)
    chunks = PngInfo()
    for key, value in text.items():
        content = key.encode("latin-1", "ignore") + b"\x00" + value.encode("latin-1", "strict")
        chunks.add(b"comf", content, after_idat=True)
    buffer = io.BytesIO()
    first.save(
        buffer, format="PNG", pnginfo=chunks, compress_level=compress_level, save_all=True,
        duration=duration_ms, append_images=rest,
    )  # fmt: skip
    return buffer.getvalue()


def encode_webp(
    images: Any, fps: float, text: Mapping[str, str], lossless: bool, quality: int, method: int
) -> bytes:
    """Frames (B,H,W,C) float32 0..1 as one animated WebP; EXIF tags `key:JSON` hold the text.

    `quality` 0..100, `method` 0 (fast) to 6 (small). Raises: MediaError as `encode_apng`.
    """
    first, rest, duration_ms = _frames(images, fps)
    buffer = io.BytesIO()
    first.save(
        buffer, format="WEBP", exif=_exif(text), save_all=True, duration=duration_ms, append_images=rest,
        lossless=lossless, quality=quality, method=method,
    )  # fmt: skip
    return buffer.getvalue()


def webp_exif(text: Mapping[str, str]) -> bytes:
    """The EXIF block of a WebP file that holds `text`; empty without any."""
    return _exif(text).tobytes() if text else b""


def _exif(text: Mapping[str, str]) -> Image.Exif:
    exif = Image.Exif()
    tag = _EXIF_MAKE
    for key, value in text.items():
        if key == "prompt":
            exif[_EXIF_MODEL] = f"{key}:{value}"
        else:
            exif[tag] = f"{key}:{value}"
            tag -= 1
    return exif
