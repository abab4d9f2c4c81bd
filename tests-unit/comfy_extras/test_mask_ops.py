"""Mask tensors without nodes, where the golden cases of the nodes end."""

from __future__ import annotations

import pytest
import torch

from comfy_extras import mask_ops


def test_masks_of_any_rank_become_a_batch():
    assert mask_ops.mask_as_batch(torch.zeros(4, 5)).shape == (1, 4, 5)
    assert mask_ops.mask_as_batch(torch.zeros(2, 1, 4, 5)).shape == (2, 4, 5)


def test_a_mask_and_its_grey_image_hold_the_same_values():
    mask = torch.rand(2, 4, 5)
    image = mask_ops.mask_to_image(mask)
    assert image.shape == (2, 4, 5, 3)
    assert all(torch.equal(mask_ops.image_channel(image, name), mask) for name in ("red", "green", "blue"))


def test_growing_far_beyond_the_size_covers_everything_and_ends():
    mask = torch.zeros(1, 6, 6)
    mask[0, 0, 0] = 1
    assert torch.all(mask_ops.grown(mask, 16384, tapered_corners=False) == 1)
    assert torch.all(mask_ops.grown(mask, -16384, tapered_corners=False) == 0)


def test_a_diamond_grows_by_steps_and_a_square_by_chessboard_distance():
    mask = torch.zeros(1, 5, 5)
    mask[0, 2, 2] = 1
    assert mask_ops.grown(mask, 2, tapered_corners=True).sum() == 13
    assert mask_ops.grown(mask, 2, tapered_corners=False).sum() == 25


@pytest.mark.parametrize("size", [(16, 24), (17, 31), (23, 25)])
def test_cropping_to_whole_cells_keeps_the_middle(size):
    rows = torch.arange(size[0], dtype=torch.float32)[None, :, None].expand(1, *size)
    cut = mask_ops.cropped_to_multiple(rows, 8, (1, 2))
    assert cut.shape[1] % 8 == 0 and cut.shape[2] % 8 == 0
    assert cut[0, 0, 0] == (size[0] % 8) // 2


def test_a_colour_matches_exactly_at_eight_bits():
    image = torch.tensor([[[[1.0, 0.0, 0.0], [1.0, 1 / 255, 0.0]]]])
    assert mask_ops.color_mask(image, 0xFF0000).tolist() == [[[1.0, 0.0]]]
