"""Float images to PNG bytes with text chunks. Nothing here touches torch beyond the tensor it is given."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from comfy_api.errors import MediaError

logger = logging.getLogger(__name__)

SAVE_LEVEL = 4
"""zlib level of saved pictures (measured: file_metadata)."""
PREVIEW_LEVEL = 1
"""zlib level of previews: written often, read once."""
_MAX_KEYWORD = 79
"""Longest keyword of a text chunk, in bytes: PNG specification, section 11.3.4."""


def to_bytes_0_255(image: Any) -> NDArray[np.uint8]:
    """(H,W,C) or (H,W) float 0..1, tensor on any device or array -> uint8, values cut off and truncated.

    Truncation, not rounding: 0.999 becomes 254 (measured: recorded pictures). NaN becomes 0.
    """
    if hasattr(image, "detach"):
        image = image.detach().float().cpu().numpy()
    scaled = np.asarray(image, dtype=np.float32) * np.float32(255.0)
    pixels: NDArray[np.uint8] = np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255).astype(np.uint8)
    return pixels


def to_pil(image: Any) -> Image.Image:
    """A PIL picture from one float image, (H,W,C) with C 1, 3 or 4, or (H,W). Raises: MediaError."""
    pixels = to_bytes_0_255(image)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise MediaError(
            f"cannot be a picture: shape {pixels.shape}, needs (H,W,C) with C 1, 3 or 4", source="image"
        )
    return Image.fromarray(pixels)


def encode_png(image: Any, text: Mapping[str, str], compress_level: int = SAVE_LEVEL) -> bytes:
    """One float image as a PNG file with one text chunk per entry, in order, before the pixels.

    Shape: (H,W,C) float32 0..1, C 1, 3 or 4. Raises: MediaError for another shape.
    """
    buffer = io.BytesIO()
    to_pil(image).save(buffer, format="PNG", pnginfo=_text_chunks(text), compress_level=compress_level)
    return buffer.getvalue()


def _text_chunks(text: Mapping[str, str]) -> PngInfo:
    chunks = PngInfo()
    for key, value in text.items():
        try:
            fits = 1 <= len(key.encode("latin-1")) <= _MAX_KEYWORD
        except UnicodeEncodeError:
            fits = False
        if fits:
            chunks.add_text(key, value)
        else:  # the key comes from a client; a finished picture is worth more than it
            logger.warning("Metadata key %r does not fit a PNG text chunk and is left out", key[:100])
    return chunks
