"""Splitting and joining transparency."""

from __future__ import annotations

import torch

from comfy_extras import nodes_compositing as compositing


def test_what_was_joined_splits_into_the_same_parts():
    image, mask = torch.rand(2, 4, 5, 3), torch.rand(2, 4, 5)
    (joined,) = compositing.JoinImageWithAlpha.execute(image, mask).result
    assert joined.shape == (2, 4, 5, 4)
    colours, found = compositing.SplitImageWithAlpha.execute(joined).result
    assert torch.equal(colours, image)
    torch.testing.assert_close(found, mask)


def test_an_image_without_alpha_is_opaque():
    _, mask = compositing.split_alpha(torch.rand(1, 4, 5, 3))
    assert torch.equal(mask, torch.zeros(1, 4, 5))


def test_a_mask_of_another_size_and_batch_is_fitted():
    joined = compositing.joined_alpha(torch.rand(3, 4, 6, 3), torch.ones(8, 12))
    assert joined.shape == (3, 4, 6, 4) and torch.all(joined[..., 3] == 0)


async def test_both_nodes_are_offered():
    assert len(await (await compositing.comfy_entrypoint()).get_node_list()) == 2
