"""Latent dicts without nodes: what happens to masks and noise numbers."""

from __future__ import annotations

import pytest
import torch

from comfy_extras import latent_ops


def _latent(num, **values):
    samples = torch.arange(num, dtype=torch.float32).reshape(num, 1, 1, 1).expand(num, 4, 2, 2)
    return {"samples": samples, **values}


def test_items_out_of_a_batch_keep_the_noise_of_their_place():
    cut = latent_ops.batch_slice(_latent(5), 3, 4)
    assert cut["samples"][:, 0, 0, 0].tolist() == [3.0, 4.0]
    assert cut["batch_index"] == [3, 4]
    again = latent_ops.batch_slice(cut, 1, 1)
    assert again["batch_index"] == [4]


def test_a_start_beyond_the_batch_gives_its_last_item():
    assert latent_ops.batch_slice(_latent(3), 50, 2)["batch_index"] == [2]


@pytest.mark.parametrize(("num_masks", "expected"), [(1, [0.0]), (2, [1.0, 0.0]), (4, [1.0, 2.0])])
def test_masks_of_a_slice_are_those_of_its_items(num_masks, expected):
    mask = torch.arange(num_masks, dtype=torch.float32).reshape(num_masks, 1, 1, 1)
    cut = latent_ops.batch_slice(_latent(4, noise_mask=mask), 1, 2)
    assert cut["noise_mask"].flatten().tolist() == expected


def test_repeating_a_batch_goes_on_counting_noise():
    repeated = latent_ops.batch_repeat(_latent(2, batch_index=[4, 6]), 3)
    assert repeated["samples"].shape[0] == 6
    assert repeated["batch_index"] == [4, 6, 7, 9, 10, 12]
    assert "batch_index" not in latent_ops.batch_repeat(_latent(2), 3)


def test_repeating_repeats_masks_that_are_one_per_item():
    mask = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)
    assert latent_ops.batch_repeat(_latent(2, noise_mask=mask), 2)["noise_mask"].flatten().tolist() == [
        0,
        1,
        0,
        1,
    ]
    single = latent_ops.batch_repeat(_latent(2, noise_mask=mask[:1]), 2)
    assert single["noise_mask"].shape[0] == 1


def test_joining_resizes_the_second_batch_and_keeps_both_noise_numbers():
    second = {"samples": torch.ones(1, 4, 6, 6), "batch_index": [9]}
    joined = latent_ops.joined_batch(_latent(2), second)
    assert joined["samples"].shape == (3, 4, 2, 2)
    assert joined["batch_index"] == [0, 1, 9]


@pytest.mark.parametrize(
    ("index", "amount", "expected"),
    [(0, 2, [0, 1]), (3, 9, [3, 4]), (50, 1, [4]), (-2, 1, [3]), (-2, 9, [3, 4]), (-50, 2, [0, 1])],
)
def test_a_stretch_is_moved_and_cut_to_what_is_there(index, amount, expected):
    row = torch.arange(5.0).reshape(1, 1, 1, 5)
    assert latent_ops.cut(row, -1, index, amount).flatten().tolist() == expected


def test_interpolation_ends_at_its_inputs_and_keeps_lengths():
    first, second = torch.randn(1, 4, 3, 3), 5 * torch.randn(1, 4, 3, 3)
    torch.testing.assert_close(latent_ops.interpolated(first, second, 1.0), first)
    torch.testing.assert_close(latent_ops.interpolated(first, second, 0.0), second)
    middle = latent_ops.interpolated(first, second, 0.5)
    lengths = [torch.linalg.vector_norm(t, dim=1) for t in (first, second, middle)]
    torch.testing.assert_close(lengths[2], (lengths[0] + lengths[1]) / 2)


def test_cells_without_direction_do_not_become_nan():
    zero = torch.zeros(1, 4, 2, 2)
    assert torch.equal(latent_ops.interpolated(zero, zero, 0.5), zero)


def test_a_composite_beyond_the_border_changes_nothing():
    base = torch.zeros(1, 4, 4, 4)
    assert torch.equal(latent_ops.composite_at(base, torch.ones(1, 4, 2, 2), 10, 10), base)
