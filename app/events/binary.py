"""Events to websocket payloads: JSON text, the binary layouts, and previews as JPEG or PNG.

Integers are unsigned 32 bit, big endian. Pillow is imported when the first preview comes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from app.json_text import to_json

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_QUALITY = 95
"""Measured: previews of the peer."""


_FORMAT_CODES = {"JPEG": 1, "PNG": 2}


def encode_json(event: str, data: Any) -> str:
    """The text frame of a JSON event."""
    return to_json({"type": event, "data": data})


def encode_binary(event: int, data: bytes | bytearray | memoryview) -> bytes:
    """A binary frame: the event number, then the data.

    Raises: TypeError when `data` is not bytes-like.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"binary event {event} needs bytes, got {type(data).__name__}")
    return b"".join((struct.pack(">I", int(event)), data))


def encode_text(node_id: str, text: str | bytes | bytearray) -> bytes:
    """Data of a TEXT frame: length of the node id, node id, text."""
    body = text.encode() if isinstance(text, str) else bytes(text)
    name = str(node_id).encode()
    return struct.pack(">I", len(name)) + name + body


def encode_picture(image_type: str, image: Image, max_size: int | None) -> bytes:
    """The image file of a preview, fitted into max_size x max_size (aspect kept) when a size is given."""
    if max_size is not None:
        image = _fitted(image, max_size)
    out = BytesIO()
    if image_type == "PNG":
        image.save(out, format="PNG", compress_level=1)
    else:
        if image.mode not in ("RGB", "L", "CMYK"):
            image = image.convert("RGB")
        image.save(out, format="JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def encode_preview(image_type: str, image: Image, max_size: int | None) -> bytes:
    """Data of a PREVIEW_IMAGE frame: format code, then the image file."""
    return struct.pack(">I", _FORMAT_CODES.get(image_type, 1)) + encode_picture(image_type, image, max_size)


def encode_preview_with_metadata(
    image_type: str, image: Image, max_size: int | None, metadata: Mapping[str, Any]
) -> bytes:
    """Data of a PREVIEW_IMAGE_WITH_METADATA frame: length of the JSON, JSON, image file."""
    mime = "image/png" if image_type == "PNG" else "image/jpeg"
    text = json.dumps({**metadata, "image_type": mime}).encode()
    return struct.pack(">I", len(text)) + text + encode_picture(image_type, image, max_size)


def _fitted(image: Image, max_size: int) -> Image:
    from PIL import Image as PillowImage
    from PIL import ImageOps

    return ImageOps.contain(image, (max_size, max_size), PillowImage.Resampling.BILINEAR)
