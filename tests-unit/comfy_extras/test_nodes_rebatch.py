"""Regrouping lists of batches."""

from __future__ import annotations

import torch

from comfy_extras import nodes_rebatch as rebatch


def _images(num, first, size=(2, 2)):
    return torch.arange(first, first + num, dtype=torch.float32).reshape(num, 1, 1, 1).expand(num, *size, 3)


def test_images_keep_their_order_and_sizes_are_not_mixed():
    (groups,) = rebatch.RebatchImages.execute(
        [_images(3, 0), _images(2, 3), _images(1, 5, (4, 4))], [2]
    ).result
    assert [group[:, 0, 0, 0].tolist() for group in groups] == [[0, 1], [2, 3], [4], [5]]


def test_latents_keep_masks_and_noise_numbers():
    first = {"samples": torch.zeros(2, 4, 2, 2), "noise_mask": torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)}
    second = {
        "samples": torch.ones(1, 4, 2, 2),
        "batch_index": [7],
        "noise_mask": torch.full((1, 1, 1, 1), 2.0),
    }
    (groups,) = rebatch.RebatchLatents.execute([first, second], [3]).result
    (group,) = groups
    assert group["samples"].shape[0] == 3
    assert group["batch_index"] == [0, 1, 7]
    assert group["noise_mask"].flatten().tolist() == [0, 1, 2]


def test_latents_with_and_without_mask_or_of_two_sizes_stay_apart():
    plain = {"samples": torch.zeros(1, 4, 2, 2)}
    masked = {**plain, "noise_mask": torch.ones(1, 1, 16, 16)}
    larger = {"samples": torch.zeros(1, 4, 4, 4)}
    assert len(rebatch.regrouped_latents([plain, masked, larger, larger], 8)) == 3


async def test_both_nodes_are_offered():
    assert len(await (await rebatch.comfy_entrypoint()).get_node_list()) == 2
