"""Picture files of every odd kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from comfy.images.reading import load_channel, load_frames, pillow


def test_a_turned_photo_is_turned_back(tmp_path):
    picture = Image.new("RGB", (6, 4))
    picture.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    picture.save(tmp_path / "a.png", exif=exif)
    image, _ = load_frames(tmp_path / "a.png")
    assert image.shape == (1, 6, 4, 3)
    assert image[0, 0, 3].tolist() == [1, 0, 0]


def test_all_frames_of_the_first_ones_size_are_read(tmp_path):
    frames = [Image.new("RGB", (5, 4), (i * 80, 0, 0)) for i in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=50, lossless=True)
    image, mask = load_frames(tmp_path / "a.webp")
    assert image.shape == (3, 4, 5, 3) and mask.shape == (3, 64, 64)
    torch.testing.assert_close(image[:, 0, 0, 0] * 255, torch.tensor([0.0, 80.0, 160.0]))


def test_of_a_tiff_only_pages_of_the_first_size_are_read(tmp_path):
    pages = [Image.new("RGB", (5, 4)), Image.new("RGB", (2, 2)), Image.new("RGB", (5, 4), (255, 255, 255))]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    image, _ = load_frames(tmp_path / "a.tiff")
    assert image.shape == (2, 4, 5, 3) and image[1].min() == 1


def test_transparency_becomes_the_mask(tmp_path):
    pixels = np.zeros((3, 4, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[1, 2, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image, mask = load_frames(tmp_path / "a.png")
    assert image.shape == (1, 3, 4, 3) and mask.shape == (1, 3, 4)
    assert mask.sum() == 1 and mask[0, 1, 2] == 1


def test_a_palette_with_a_transparent_colour_has_a_mask(tmp_path):
    picture = Image.new("P", (4, 3), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 1), 1)
    picture.save(tmp_path / "a.png", transparency=1)
    image, mask = load_frames(tmp_path / "a.png")
    assert image[0, 0, 0].tolist() == [1, 0, 0]
    assert mask[0, 1, 1] == 1 and mask.sum() == 1


def test_sixteen_bit_greys_keep_their_depth(tmp_path):
    ramp = np.array([[0, 1, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    image, _ = load_frames(tmp_path / "a.png")
    torch.testing.assert_close(image[0, 0, :, 1], torch.from_numpy(ramp[0].astype(np.float32)) / 65535)
    torch.testing.assert_close(load_channel(tmp_path / "a.png", "blue")[0, 0], image[0, 0, :, 2])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr"])
def test_every_mode_becomes_three_channels(tmp_path, mode):
    suffix = "tiff" if mode in ("CMYK", "YCbCr") else "png"
    Image.new("RGB", (4, 3), (255, 255, 255)).convert(mode).save(tmp_path / f"a.{suffix}")
    image, _ = load_frames(tmp_path / f"a.{suffix}")
    assert image.shape == (1, 3, 4, 3) and image.min() > 0.98


def test_a_truncated_file_gives_what_is_there(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path, quality=95)
    path.write_bytes(path.read_bytes()[:4000])
    image, _ = load_frames(path)
    assert image.shape == (1, 64, 64, 3)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_what_is_no_picture_at_all_raises(tmp_path):
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(OSError, match="cannot identify"):
        load_frames(tmp_path / "a.png")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_function_is_called_once_when_it_works():
    calls = []
    assert pillow(lambda value: calls.append(value) or value, 3) == 3
    assert calls == [3]
