"""Tiling: a function that works per cell gives the same result in tiles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy.images import batches, masks, tiling


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)), tile=st.integers(3, 9), overlap=st.integers(0, 2)
)
def test_tiles_of_a_cellwise_function_equal_the_whole(size, tile, overlap):
    samples = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    found = tiling.tiled_scale(
        samples, lambda part: part.repeat_interleave(2, 2).repeat_interleave(2, 3), tile, tile, overlap, 2, 3
    )
    torch.testing.assert_close(found, samples.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_downscaling_divides():
    samples = torch.ones(1, 3, 16, 24)
    found = tiling.tiled_scale_multidim(
        samples, lambda part: part[:, :, ::8, ::8], (16, 16), 8, 8, out_channels=3, downscale=True
    )
    assert found.shape == (1, 3, 2, 3) and (found == 1).all()


def test_thinning_keeps_both_ends():
    assert batches.even_indices(10, 4) == [0, 3, 6, 9]
    assert batches.even_indices(2, 4) == [0, 0, 1, 1]
    assert batches.resize_list_to_batch_size(["a", "b", "c"], 1) == ["a"]


def test_mask_over_text_and_picture_grows_with_the_picture():
    mask = torch.eye(3 + 4)
    mask[:3, 3:] = 2.0
    found = masks.upscale_dit_mask(mask, (2, 2), (4, 4))
    assert found.shape == (1, 19, 19)
    assert (found[0, :3, 3:] == 2.0).all() and torch.equal(found[0, :3, :3], torch.eye(3))


def test_mask_that_is_no_square_over_tokens_is_refused():
    with pytest.raises(ValueError, match="2x2"):
        masks.upscale_dit_mask(torch.zeros(3, 3), (2, 2), (4, 4))


@pytest.mark.parametrize("overlap", [4, 9])
def test_overlap_as_long_as_the_tile_is_refused(overlap):
    with pytest.raises(ValueError, match=f"overlap of {overlap}"):
        tiling.tiled_scale(torch.zeros(1, 3, 8, 8), lambda part: part, 4, 4, overlap, 1, 3)
