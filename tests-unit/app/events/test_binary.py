"""Frames against the recorded layouts; pictures are decoded again."""

from __future__ import annotations

import json
import struct
from io import BytesIO

import pytest
from PIL import Image

from app.events.binary import (
    encode_binary,
    encode_json,
    encode_preview,
    encode_preview_with_metadata,
    encode_text,
)


def test_text_frame_equals_the_documented_bytes() -> None:
    expected = bytes.fromhex("00000003 00000001 31 68656c6c6f")
    assert encode_binary(3, encode_text("1", "hello")) == expected


def test_json_escapes_non_ascii_and_uses_default_spacing() -> None:
    assert encode_json("x", {"a": "é", "b": [1, 2]}) == '{"type": "x", "data": {"a": "\\u00e9", "b": [1, 2]}}'


@pytest.mark.parametrize(("image_type", "code", "magic"), [("JPEG", 1, b"\xff\xd8"), ("PNG", 2, b"\x89PNG")])
def test_preview_has_its_format_code_and_fits_the_size(image_type: str, code: int, magic: bytes) -> None:
    data = encode_preview(image_type, Image.new("RGBA", (64, 32), (255, 0, 0, 255)), 16)
    assert struct.unpack(">I", data[:4]) == (code,)
    assert data[4:].startswith(magic)
    assert Image.open(BytesIO(data[4:])).size == (16, 8)


def test_small_pictures_are_enlarged_to_the_size_and_none_keeps_it() -> None:
    small = Image.new("RGB", (8, 4))
    assert Image.open(BytesIO(encode_preview("PNG", small, 32)[4:])).size == (32, 16)
    assert Image.open(BytesIO(encode_preview("PNG", small, None)[4:])).size == (8, 4)


def test_preview_with_metadata_carries_its_json_and_mime_type() -> None:
    data = encode_preview_with_metadata("PNG", Image.new("RGB", (4, 4)), None, {"node_id": "5"})
    (length,) = struct.unpack(">I", data[:4])
    assert json.loads(data[4 : 4 + length]) == {"node_id": "5", "image_type": "image/png"}
    assert data[4 + length :].startswith(b"\x89PNG")


def test_binary_events_need_bytes() -> None:
    with pytest.raises(TypeError, match="bytes"):
        encode_binary(1, "text")  # type: ignore[arg-type]
