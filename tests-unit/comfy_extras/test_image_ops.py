"""Image tensors without nodes."""

from __future__ import annotations

import pytest
import torch

from comfy_extras import image_ops
from comfy_extras.errors import SizeError


def test_a_size_beyond_the_memory_is_refused_with_the_input_at_fault():
    with pytest.raises(SizeError) as caught:
        image_ops.require_memory((4096, 16384, 16384, 3), "batch_size", 4096)
    assert (caught.value.input_name, caught.value.value) == ("batch_size", 4096)
    image_ops.require_memory((1, 64, 64, 3), "batch_size", 1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [((0, 0), (40, 20)), ((80, 0), (80, 40)), ((0, 5), (10, 5)), ((7, 9), (7, 9)), ((1, 0), (1, 1))],
)
def test_zero_keeps_the_aspect_ratio(asked, expected):
    assert image_ops.scaled_size(40, 20, *asked) == expected


def test_a_colour_is_read_as_red_green_blue():
    image = image_ops.solid_image(3, 2, 2, 0xFF8000)
    assert image.shape == (2, 2, 3, 3)
    torch.testing.assert_close(image[1, 1, 2], torch.tensor([1.0, 128 / 255, 0.0]))


def test_batches_of_two_sizes_and_channel_numbers_join_at_the_first_ones_size():
    first, second = torch.rand(2, 8, 6, 3), torch.rand(1, 16, 12, 4)
    joined = image_ops.joined_batch(first, second)
    assert joined.shape == (3, 8, 6, 4)
    assert torch.equal(joined[:2, :, :, :3], first)
    assert torch.equal(joined[:2, :, :, 3], torch.ones(2, 8, 6))


def test_the_outpaint_mask_fades_only_towards_sides_that_grow():
    canvas, mask = image_ops.outpaint_canvas(
        torch.ones(1, 40, 50, 3), left=8, top=0, right=0, bottom=0, feathering=10
    )
    assert canvas.shape == (1, 40, 58, 3) and mask.shape == (1, 40, 58)
    assert torch.all(mask[0, :, :8] == 1) and torch.all(canvas[0, :, :8] == 0.5)
    torch.testing.assert_close(mask[0, 0, 8:18], ((10 - torch.arange(10)) / 10) ** 2)
    assert torch.all(mask[0, :, 18:] == 0)


def test_an_image_smaller_than_the_feathering_gets_a_hard_mask():
    _, mask = image_ops.outpaint_canvas(torch.ones(1, 16, 16, 3), 8, 8, 8, 8, feathering=8)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert mask.sum() == 32 * 32 - 16 * 16


def test_cropping_moves_the_corner_inside():
    image = torch.arange(12.0).reshape(1, 3, 4, 1)
    assert image_ops.cropped(image, 10, 10, 100, 1).flatten().tolist() == [7.0, 11.0]


def test_fitting_keeps_the_whole_picture_in_the_middle():
    fitted = image_ops.fitted(torch.zeros(1, 10, 20, 3), 40, 40, "bilinear", 1.0)
    assert fitted.shape == (1, 40, 40, 3)
    assert (
        torch.all(fitted[0, :10] == 1) and torch.all(fitted[0, 10:30] == 0) and torch.all(fitted[0, 30:] == 1)
    )


def test_grain_depends_on_the_seed_alone_and_stays_in_range():
    image = torch.rand(1, 8, 8, 3)
    assert torch.equal(image_ops.grained(image, 1, 0.5), image_ops.grained(image, 1, 0.5))
    assert not torch.equal(image_ops.grained(image, 1, 0.5), image_ops.grained(image, 2, 0.5))
    assert image_ops.grained(image, 3, 1.0).min() >= 0 and image_ops.grained(image, 3, 1.0).max() <= 1
    assert torch.equal(image_ops.grained(image, 3, 0.0), image)
