"""Tensors of a file become a network's weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from comfy.errors import WeightsShapeError
from comfy.weights.assign import assign_weights, shapes_of, strip_prefix


@pytest.fixture
def network():
    with torch.device("meta"):
        return nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(4, 5))


@pytest.fixture
def weights():
    generator = torch.Generator().manual_seed(1)
    shapes = {"0.weight": (3, 2, 3, 3), "0.bias": (3,), "1.weight": (5, 4), "1.bias": (5,)}
    return {key: torch.randn(shape, generator=generator).half() for key, shape in shapes.items()}


@pytest.mark.parametrize(
    "stored", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float16, torch.bfloat16, torch.float32]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_stored_type_becomes_the_wanted_one(network, weights, stored, dtype):
    weights = {key: value.to(stored) for key, value in weights.items()}
    assign_weights(network, weights, dtype=dtype)
    for key, value in network.state_dict().items():
        assert value.dtype == dtype
        assert torch.equal(value, weights[key].float().to(dtype))


def test_the_network_owns_its_weights(network, weights):
    wide = {key: value.float() for key, value in weights.items()}
    assign_weights(network, wide)
    before = network[1].bias.clone()
    wide["1.bias"].fill_(9.0)
    assert torch.equal(network[1].bias, before)
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_convolutions_are_stored_channels_last(network, weights):
    assign_weights(network, weights)
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_keys_without_a_place_are_ignored(network, weights):
    assign_weights(network, {**weights, "extra": torch.zeros(1)})
    assert "extra" not in network.state_dict()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda weights: weights.pop("1.bias"), ""),
        (lambda weights: weights.update({"1.bias": torch.zeros(6)}), "[6]"),
        (lambda weights: weights.update({"1.bias": torch.zeros(5, dtype=torch.int32)}), "torch.int32"),
    ],
)
def test_what_does_not_fit_is_named_with_the_files_prefix(network, weights, change, found):
    change(weights)
    with pytest.raises(WeightsShapeError) as caught:
        assign_weights(network, weights, prefix="model.")
    assert caught.value.key == "model.1.bias"
    assert caught.value.found == found


def test_prefixes_are_taken_off(weights):
    prefixed = {**{f"a.{key}": value for key, value in weights.items()}, "b.x": torch.zeros(1)}
    assert strip_prefix(prefixed, "a.").keys() == weights.keys()
    assert shapes_of(prefixed, "b.") == {"x": (1,)}
    assert len(shapes_of(prefixed)) == 5
