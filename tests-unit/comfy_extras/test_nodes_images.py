"""Image nodes beside the core ones, and animated files."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from comfy_extras import nodes_images
from comfy_extras.errors import InputFileError, SizeError


def test_images_are_taken_out_of_and_repeated_into_batches():
    batch = torch.arange(3.0).reshape(3, 1, 1, 1)
    assert nodes_images.ImageFromBatch().frombatch(batch, 1, 9)[0].flatten().tolist() == [1, 2]
    assert nodes_images.ImageFromBatch().frombatch(batch, 99, 1)[0].flatten().tolist() == [2]
    assert nodes_images.RepeatImageBatch().repeat(batch, 2)[0].flatten().tolist() == [0, 1, 2, 0, 1, 2]


def test_a_batch_beyond_the_memory_is_refused():
    big = torch.zeros(1, 1, 1, 1).expand(64, 16384, 16384, 3)
    with pytest.raises(SizeError):
        nodes_images.RepeatImageBatch().repeat(big, 4096)


def test_turning_and_mirroring_move_the_corner():
    image = torch.zeros(1, 2, 3, 1)
    image[0, 0, 0] = 1
    turned = {
        name: nodes_images.ImageRotate().rotate(image, name)[0][0, ..., 0].nonzero().tolist()
        for name in ("none", "90 degrees", "180 degrees", "270 degrees")
    }
    assert turned == {
        "none": [[0, 0]],
        "90 degrees": [[0, 1]],
        "180 degrees": [[1, 2]],
        "270 degrees": [[2, 0]],
    }
    flip = nodes_images.ImageFlip().flip
    assert flip(image, "x-axis: vertically")[0][0, 1, 0] == 1
    assert flip(image, "y-axis: horizontally")[0][0, 0, 2] == 1


@pytest.mark.parametrize(
    ("size", "expected"), [((40, 20), (50, 25)), ((20, 40), (25, 50)), ((30, 30), (50, 50))]
)
def test_the_longer_side_gets_the_given_length(size, expected):
    (image,) = nodes_images.ImageScaleToMaxDimension().upscale(torch.zeros(1, *size, 3), "area", 50)
    assert tuple(image.shape[1:3]) == expected


def test_the_remaining_nodes_give_the_size_and_kind_that_was_asked_for():
    image = torch.rand(2, 10, 20, 3)
    assert nodes_images.GetImageSize().get_size(image) == (20, 10, 2)
    assert nodes_images.ImageCrop().crop(image, 5, 4, 18, 8)[0].shape == (2, 2, 2, 3)
    padded = nodes_images.ResizeAndPadImage().resize_and_pad(image, 30, 30, "white", "bicubic")[0]
    assert padded.shape == (2, 30, 30, 3) and padded[0, 0, 0, 0] == 1
    assert nodes_images.ImageAddNoise().repeat(image, 2**64 - 1, 0.1)[0].shape == image.shape


def test_an_animated_png_holds_all_frames_and_the_graph(folders):
    images = torch.rand(3, 6, 8, 3)
    result = nodes_images.SaveAnimatedPNG().save_images(images, 10.0, 4, "anim", {"1": 2}, {"workflow": {}})
    assert result["ui"]["animated"] == (True,)
    (entry,) = result["ui"]["images"]
    path = folders / "output" / entry["filename"]
    with Image.open(path) as picture:
        assert picture.n_frames == 3 and picture.size == (8, 6)
    content = path.read_bytes()
    assert b"comfprompt\0" + json.dumps({"1": 2}).encode() in content


def test_an_animated_webp_holds_all_frames_and_a_single_one_is_not_animated(folders):
    save = nodes_images.SaveAnimatedWEBP().save_images
    images = torch.rand(2, 6, 8, 3)
    (entry,) = save(images, 6.0, "anim", True, 80, "fastest")["ui"]["images"]
    with Image.open(folders / "output" / entry["filename"]) as picture:
        assert picture.n_frames == 2
    assert save(images[:1], 6.0, "anim", True, 80, "default")["ui"]["animated"] == (False,)


def test_an_animation_cannot_leave_the_output_folder(folders):
    assert nodes_images.SaveAnimatedPNG.VALIDATE_INPUTS(filename_prefix="../x") is not True
    with pytest.raises(InputFileError):
        nodes_images.SaveAnimatedPNG().save_images(torch.rand(1, 6, 8, 3), 6.0, 4, "../x")
