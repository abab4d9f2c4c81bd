"""Mask nodes beside their golden cases."""

from __future__ import annotations

import pytest
import torch

from comfy_extras import nodes_mask
from comfy_extras.errors import NodeInputError


def test_a_channel_that_an_image_lacks_is_named():
    with pytest.raises(NodeInputError) as caught:
        nodes_mask.ImageToMask().image_to_mask(torch.zeros(1, 2, 2, 3), "alpha")
    assert (caught.value.input_name, caught.value.value) == ("channel", "alpha")
    (mask,) = nodes_mask.ImageToMask().image_to_mask(torch.ones(1, 2, 2, 4), "alpha")
    assert torch.equal(mask, torch.ones(1, 2, 2))


def test_a_solid_mask_has_one_value_and_turns_into_a_grey_image():
    (mask,) = nodes_mask.SolidMask().solid(0.25, 3, 2)
    assert mask.shape == (1, 2, 3)
    (image,) = nodes_mask.MaskToImage().mask_to_image(mask)
    assert image.shape == (1, 2, 3, 3) and torch.all(image == 0.25)


def test_a_mask_preview_is_a_picture_in_the_temp_folder(folders):
    result = nodes_mask.MaskPreview().execute(torch.rand(2, 5, 6))
    assert [entry["type"] for entry in result["ui"]["images"]] == ["temp", "temp"]
    assert all((folders / "temp" / entry["filename"]).is_file() for entry in result["ui"]["images"])
