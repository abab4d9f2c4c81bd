"""Attention against its formula, and its door that packs write to."""

from __future__ import annotations

import pytest
import torch

import comfy.ldm.modules.attention as door
from comfy.models.layers import attention


def _by_formula(q, k, v, heads, mask=None):
    b, t, width = q.shape
    split = [x.view(b, -1, heads, width // heads).transpose(1, 2) for x in (q, k, v)]
    logits = split[0] @ split[1].transpose(-1, -2) * (width // heads) ** -0.5
    if mask is not None:
        logits = logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask
    return (logits.softmax(-1) @ split[2]).transpose(1, 2).reshape(b, t, width)


@pytest.fixture
def qkv():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, length, 12, generator=generator) for length in (5, 7, 7)]


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_it_equals_the_formula(qkv, heads):
    torch.testing.assert_close(attention.optimized_attention(*qkv, heads), _by_formula(*qkv, heads))


@pytest.mark.parametrize("shape", [(5, 7), (2, 5, 7), (2, 3, 5, 7)])
def test_masks_of_two_to_four_axes_mean_the_same_as_in_the_formula(qkv, shape):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(1)) > 0.3
    whole = mask if mask.dim() == 4 else mask.unsqueeze(1) if mask.dim() == 3 else mask
    for given, formula in ((mask, whole), (mask.float(), whole.float())):
        out = attention.optimized_attention_masked(*qkv, 3, mask=given)
        torch.testing.assert_close(out, _by_formula(*qkv, 3, formula))


def test_heads_may_be_split_before_and_left_split(qkv):
    split = [x.view(2, -1, 3, 4).transpose(1, 2) for x in qkv]
    joined = attention.optimized_attention(*split, 3, skip_reshape=True)
    torch.testing.assert_close(joined, _by_formula(*qkv, 3))
    apart = attention.optimized_attention(*split, 3, skip_reshape=True, skip_output_reshape=True)
    torch.testing.assert_close(apart.transpose(1, 2).reshape(2, 5, 12), joined)


def test_the_door_is_written_through():
    def mine(*args, **kwargs):
        return None

    original = door.optimized_attention
    try:
        door.optimized_attention = mine
        assert attention.optimized_attention is mine
        assert door.optimized_attention_for_device("cpu") is mine
    finally:
        door.optimized_attention = original
    assert attention.optimized_attention is attention.attention_pytorch
