"""PNG bytes: pixels as recorded, text chunks where clients look for them."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from comfy_api.errors import MediaError
from comfy_api.media.png import encode_png, to_bytes_0_255


def chunks(data: bytes) -> list[tuple[str, bytes]]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        found.append((data[at + 4 : at + 8].decode(), data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def test_values_are_cut_off_and_truncated_not_rounded():
    image = torch.tensor([[-1.0, 0.0, 0.999, 1.0, 7.0, 0.5, 1 / 255, float("nan"), float("inf")]])
    assert to_bytes_0_255(image).tolist() == [[0, 0, 254, 255, 255, 127, 1, 0, 255]]


def test_every_byte_value_survives_the_way_through_float():
    values = torch.arange(256, dtype=torch.float32) / 255
    assert to_bytes_0_255(values).tolist() == list(range(256))


@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_come_back_as_they_went_in(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    data = encode_png(torch.from_numpy(pixels).float() / 255, {})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)


def test_one_channel_becomes_a_grey_picture():
    assert Image.open(io.BytesIO(encode_png(np.full((2, 3, 1), 0.5), {}))).mode == "L"


def test_texts_stand_before_the_pixels_in_order():
    text = {"prompt": json.dumps({"1": "é"}), "workflow": "{}"}
    found = chunks(encode_png(torch.zeros(4, 4, 3), text))
    names = [name for name, _ in found]
    assert names == ["IHDR", "tEXt", "tEXt", "IDAT", "IEND"]
    assert found[1][1] == b'prompt\x00{"1": "\\u00e9"}' and found[2][1] == b"workflow\x00{}"


@pytest.mark.parametrize(("level", "flags"), [(4, b"\x78\x5e"), (1, b"\x78\x01")])
def test_the_compression_level_is_the_callers(level, flags):
    found = dict(chunks(encode_png(torch.zeros(4, 4, 3), {}, level)))
    assert found["IDAT"][:2] == flags


@pytest.mark.parametrize("key", ["", "x" * 80, "名"])
def test_a_key_that_fits_no_chunk_costs_only_itself(key, caplog):
    found = chunks(encode_png(torch.zeros(2, 2, 3), {key: "1", "prompt": "2"}))
    assert [content for name, content in found if name == "tEXt"] == [b"prompt\x002"]
    assert "left out" in caplog.text


@pytest.mark.parametrize("shape", [(2, 2, 2), (2, 2, 5), (1, 2, 2, 3), (4,)])
def test_other_shapes_are_refused_by_number(shape):
    with pytest.raises(MediaError, match=str(shape[-1])):
        encode_png(np.zeros(shape), {})
