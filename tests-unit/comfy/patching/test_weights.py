"""Patched values of single weights, beside what the golden vectors of LoRA files show."""

from __future__ import annotations

import pytest
import torch

from comfy.patching.adapters.lora import LoraAdapter
from comfy.patching.weights import calculate_weight, pad_tensor_to_shape


@pytest.fixture
def weight():
    return torch.arange(6.0).view(2, 3)


def test_set_replaces_whatever_the_strength(weight):
    patch = (0.1, ("set", (torch.ones(2, 3),)), 1.0, None, None)
    assert torch.equal(calculate_weight([patch], weight, "w"), torch.ones(2, 3))


def test_a_function_sees_what_is_added(weight):
    wanted = weight + 0.5 * torch.ones(2, 3) * 3
    patch = (0.5, (torch.ones(2, 3),), 1.0, None, lambda added: added * 3)
    assert torch.equal(calculate_weight([patch], weight.clone(), "w"), wanted)


def test_strength_zero_adds_nothing_but_still_weighs_the_model(weight):
    patch = (0.0, (torch.ones(2, 3),), 0.5, None, None)
    assert torch.equal(calculate_weight([patch], weight.clone(), "w"), weight * 0.5)


def test_a_larger_difference_enlarges_the_weight_when_it_may(weight):
    patch = (1.0, ("diff", (torch.ones(4, 3), {"pad_weight": True})), 1.0, None, None)
    out = calculate_weight([patch], weight.clone(), "w")
    assert torch.equal(out[:2], weight + 1)
    assert torch.equal(out[2:], torch.ones(2, 3))


def test_padding_never_shrinks(weight):
    with pytest.raises(ValueError):
        pad_tensor_to_shape(weight, [1, 3])
    with pytest.raises(ValueError):
        pad_tensor_to_shape(weight, [2, 3, 1])


def test_an_unknown_kind_and_a_misfit_are_left_out_and_said(weight, caplog):
    misfit = LoraAdapter({"up": torch.ones(9, 2), "down": torch.ones(2, 9)}, None)
    patches = [(1.0, ("odd", (weight,)), 1.0, None, None), (1.0, misfit, 1.0, None, None)]
    assert torch.equal(calculate_weight(patches, weight.clone(), "some.weight"), weight)
    assert "odd" in caplog.text and "lora" in caplog.text and "some.weight" in caplog.text


def test_low_rank_equals_the_formula(weight):
    up, down = torch.randn(2, 2), torch.randn(2, 3)
    adapter = LoraAdapter({"up": up, "down": down}, alpha=1.0)
    out = calculate_weight([(0.7, adapter, 1.0, None, None)], weight.clone(), "w")
    torch.testing.assert_close(out, weight + 0.7 * 0.5 * (up @ down))
