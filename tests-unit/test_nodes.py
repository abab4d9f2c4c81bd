"""The doors that packs import: names, identity, and what assigning to them does."""

from __future__ import annotations

import pytest
import torch

import node_helpers
import nodes
from comfy import interruption
from comfy_extras import catalogue
from comfy_extras.core import sampling
from comfy_extras.nodes_mask import composite


def test_the_dicts_are_the_registrys_own():
    assert nodes.NODE_CLASS_MAPPINGS is catalogue.REGISTRY.classes
    assert nodes.NODE_DISPLAY_NAME_MAPPINGS is catalogue.REGISTRY.display_names
    assert nodes.EXTENSION_WEB_DIRS is catalogue.EXTENSION_WEB_DIRS
    assert nodes.MAX_RESOLUTION == 16384


def test_a_function_that_a_pack_assigns_reaches_the_home(monkeypatch):
    original = sampling.common_ksampler
    assert nodes.common_ksampler is original
    wrapped = object()
    nodes.common_ksampler = wrapped
    try:
        assert sampling.common_ksampler is wrapped and nodes.common_ksampler is wrapped
    finally:
        nodes.common_ksampler = original
    assert sampling.common_ksampler is original


def test_interruption_goes_through_the_door():
    nodes.interrupt_processing()
    with pytest.raises(interruption.InterruptProcessingException):
        nodes.before_node_execution()
    nodes.before_node_execution()


def test_packs_call_node_classes_directly():
    (latent,) = nodes.EmptyLatentImage().generate(64, 32)
    assert latent["samples"].shape == (1, 4, 4, 8)
    (image,) = nodes.ImageInvert().invert(nodes.EmptyImage().generate(8, 8, color=0xFFFFFF)[0])
    assert image.sum() == 0


def test_the_composite_function_of_masks_places_in_its_own_units():
    out = composite(torch.zeros(1, 4, 4, 4), torch.ones(1, 4, 2, 2), 8, 16)
    assert out[0, 0].nonzero().tolist() == [[2, 1], [2, 2], [3, 1], [3, 2]]


def test_helpers_of_packs_are_there():
    assert node_helpers.conditioning_set_values([["a", {}]], {"x": 1}) == [["a", {"x": 1}]]
    assert node_helpers.string_to_torch_dtype("bf16") is torch.bfloat16
    assert node_helpers.string_to_torch_dtype("text") is None
    assert node_helpers.hasher()(b"").name == "sha256"
    assert node_helpers.pillow(str.upper, "a") == "A"
