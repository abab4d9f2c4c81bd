"""Layers for packs, against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from comfy.models.layers.casting import cast_bias_weight, cast_to_input
from comfy.models.layers.operations import (
    disable_weight_init,
    manual_cast,
    pick_operations,
    scaled_dot_product_attention,
)

CASES = [
    ("Linear", (4, 6), (2, 4)),
    ("Conv1d", (4, 6, 3), (2, 4, 9)),
    ("Conv2d", (4, 6, 3), (2, 4, 9, 8)),
    ("Conv3d", (4, 6, 3), (1, 4, 5, 6, 7)),
    ("ConvTranspose1d", (4, 6, 3, 2), (2, 4, 9)),
    ("ConvTranspose2d", (4, 6, 3, 2), (2, 4, 5, 6)),
    ("GroupNorm", (2, 4), (2, 4, 5)),
    ("LayerNorm", (4,), (2, 4)),
    ("RMSNorm", (4,), (2, 4)),
]


def _pair(namespace, name, arguments):
    """A torch layer and ours with the same weights, in half precision."""
    torch.manual_seed(0)
    theirs = getattr(nn, name)(*arguments).requires_grad_(False)
    for parameter in theirs.parameters():
        parameter.normal_()
    theirs.half()
    ours = getattr(namespace, name)(*arguments).requires_grad_(False).half()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
def test_casting_layers_compute_in_the_type_of_the_input(name, arguments, shape):
    theirs, ours = _pair(manual_cast, name, arguments)
    x = torch.randn(shape)
    out = ours(x)
    assert out.dtype == torch.float32
    assert next(ours.parameters()).dtype == torch.float16
    torch.testing.assert_close(out, theirs.float()(x))


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
def test_plain_layers_are_torchs(name, arguments, shape):
    theirs, ours = _pair(disable_weight_init, name, arguments)
    assert isinstance(ours, getattr(nn, name))
    x = torch.randn(shape)
    torch.testing.assert_close(ours.float()(x), theirs.float()(x))


def test_one_object_may_be_told_to_cast():
    _, ours = _pair(disable_weight_init, "Linear", (4, 6))
    with pytest.raises(RuntimeError):
        ours(torch.ones(1, 4))
    ours.comfy_cast_weights = True
    assert ours(torch.ones(1, 4)).dtype == torch.float32
    assert disable_weight_init.Linear.comfy_cast_weights is False


def test_functions_change_weight_and_bias_for_the_call_only():
    theirs, ours = _pair(disable_weight_init, "Linear", (4, 6))
    theirs, ours = theirs.float(), ours.float()
    ours.weight_function, ours.bias_function = [lambda w: w * 2], [lambda b: b * 0]
    x = torch.randn(3, 4)
    torch.testing.assert_close(ours(x), 2 * x @ theirs.weight.T)
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_embeddings_give_the_asked_type():
    table = manual_cast.Embedding(5, 3).requires_grad_(False).half()
    table.weight.copy_(torch.arange(15.0).view(5, 3))
    rows = table(torch.tensor([[4, 0]]), out_dtype=torch.float32)
    assert torch.equal(rows, torch.tensor([[[12.0, 13.0, 14.0], [0.0, 1.0, 2.0]]]))
    assert rows.dtype == torch.float32
    assert table(torch.tensor([1])).dtype == torch.float16


def test_building_a_layer_draws_no_random_numbers():
    before = torch.get_rng_state()
    for name, arguments, _ in CASES:
        getattr(manual_cast, name)(*arguments)
    assert torch.equal(torch.get_rng_state(), before)


def test_convolutions_are_chosen_by_axes():
    assert isinstance(manual_cast.conv_nd(2, 1, 1, 1), manual_cast.Conv2d)
    assert isinstance(disable_weight_init.conv_nd(3, 1, 1, 1), disable_weight_init.Conv3d)
    with pytest.raises(ValueError, match="4"):
        manual_cast.conv_nd(4, 1, 1, 1)


def test_casting_is_picked_only_where_types_differ():
    assert pick_operations(torch.float16, torch.float16) is disable_weight_init
    assert pick_operations(torch.float16, None) is disable_weight_init
    assert pick_operations(torch.float16, torch.float32) is manual_cast


def test_casting_helpers_follow_the_input():
    layer = manual_cast.Linear(2, 2, bias=False).requires_grad_(False).half()
    weight, bias = cast_bias_weight(layer, torch.ones(1, dtype=torch.float64))
    assert (weight.dtype, bias) == (torch.float64, None)
    assert cast_to_input(weight, torch.ones(1)).dtype == torch.float32


def test_attention_is_torchs():
    q = torch.randn(1, 2, 3, 4)
    torch.testing.assert_close(scaled_dot_product_attention(q, q, q), (q @ q.mT / 2).softmax(-1) @ q)
