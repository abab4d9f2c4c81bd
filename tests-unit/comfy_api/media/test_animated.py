"""Moving pictures: all frames, right pace, metadata where clients look for it."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from comfy_api.errors import MediaError
from comfy_api.media.animated import encode_apng, encode_webp

TEXT = {"prompt": '{"1": 2}', "workflow": '{"a": 1}', "extra": "3"}


def frames(count: int) -> torch.Tensor:
    return torch.arange(count).view(-1, 1, 1, 1).expand(count, 8, 6, 3).float() / count


def test_an_animated_png_holds_all_frames_and_private_chunks():
    data = encode_apng(frames(3), 10.0, TEXT)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.n_frames, picture.size) == (3, (6, 8))
        assert picture.info["duration"] == 100
    assert data.index(b"comfprompt\x00" + TEXT["prompt"].encode()) < data.index(b"comfworkflow\x00")
    assert data.index(b"IDAT") < data.index(b"comfprompt")


def test_an_animated_webp_holds_all_frames_and_exif_tags():
    data = encode_webp(frames(3), 20.0, TEXT, lossless=True, quality=80, method=4)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.n_frames == 3
        exif = picture.getexif()
    assert exif[0x0110] == "prompt:" + TEXT["prompt"]
    assert exif[0x010F] == "workflow:" + TEXT["workflow"] and exif[0x010E] == "extra:3"
    assert b"MM\x00\x2a" in data


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
def test_a_frame_rate_must_be_above_zero(fps):
    with pytest.raises(MediaError, match="frame rate"):
        encode_apng(frames(2), fps, {})


def test_no_frames_are_an_error():
    with pytest.raises(MediaError, match="no frames"):
        encode_webp(frames(2)[:0], 8.0, {}, lossless=False, quality=80, method=0)
