"""Family lora: weights after LoRA-like files, alone, stacked and merged."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from comfy.models import sd1
from comfy.models.families import detect_family
from comfy.patching.patcher import ModelPatcher
from comfy.weights.assign import shapes_of, strip_prefix
from comfy.weights.lora.load import load_lora
from comfy.weights.lora.names import model_lora_keys_clip, model_lora_keys_unet

FAMILY = "lora"
TOLERANCE = {"atol": 1e-5, "rtol": 1e-4}  # README

_STACK_PART = re.compile(r"([a-z_]+?)(-?\d+\.\d+)(?:_|$)")
_MERGE = re.compile(r"out/merge_strength_patch(?P<patch>[\d.]+)_strength_model(?P<model>[\d.]+)$")


def _outputs(tensors, start):
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def pytest_generate_tests(metafunc):
    if "case" not in metafunc.fixturenames:
        return
    harness = next(p for p in metafunc.config.pluginmanager.get_plugins() if hasattr(p, "family_of"))
    files = harness.family_of(metafunc.config, FAMILY)
    if not files.exists:
        metafunc.parametrize("case", [pytest.param(None, marks=pytest.mark.skip(reason="no such vectors"))])
        return
    names = {name.split("/")[1] for name in files.tensors("io.safetensors") if name.startswith("lora/")}
    metafunc.parametrize("case", sorted(names))


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def tensors(files):
    return files.tensors("io.safetensors")


@pytest.fixture(scope="module")
def unet(files):
    config = files.json()["unet_config"]
    weights = strip_prefix(files.tensors("state.safetensors"), sd1.DIFFUSION_PREFIX)
    found, unet_config = detect_family(shapes_of(weights), {"codec.sd1.unet_heads": str(config["num_heads"])})
    return found.build(unet_config, weights)


@pytest.fixture(scope="module")
def text_encoders(files):
    """A module tree with the weights of the text encoders under their own names; it is never run."""
    root = nn.Module()
    for key, value in files.tensors("state_text_encoders.safetensors").items():
        *path, last = key.split(".")
        place = root
        for part in path:
            if part not in place._modules:
                place.add_module(part, nn.Module())
            place = place.get_submodule(part)
        place.register_parameter(last, nn.Parameter(value.float(), requires_grad=False))
    return root


def _patcher(model):
    return ModelPatcher(model, "cpu", "cpu")


def _key_map(target, model):
    return model_lora_keys_unet(model) if target == "unet" else model_lora_keys_clip(model)


def _check(patcher, expected):
    before = {key: value.clone() for key, value in patcher.model.state_dict().items()}
    patcher.patch_model()
    after = patcher.model.state_dict()
    try:
        for key, value in expected.items():
            torch.testing.assert_close(after[key], value, **TOLERANCE)
        changed = {key for key in after if not torch.equal(after[key], before[key])}
        assert changed == set(expected)
    finally:
        patcher.unpatch_model()
    assert all(torch.equal(value, before[key]) for key, value in patcher.model.state_dict().items())


def test_every_case_gives_the_reference_weights(case, files, tensors, unet, text_encoders, subtests):
    facts = files.json()["loras"][case]
    model = unet if facts["target"] == "unet" else text_encoders
    lora = _outputs(tensors, f"lora/{case}/")
    patches = load_lora(lora, _key_map(facts["target"], model))
    assert sorted(patches) == sorted(facts["patched"])
    strengths = {name.split("/")[2] for name in tensors if name.startswith(f"out/{case}/")}
    assert strengths
    for strength in strengths:
        with subtests.test(strength):
            patcher = _patcher(model)
            patcher.add_patches(patches, float(strength.removeprefix("strength")))
            _check(patcher, _outputs(tensors, f"out/{case}/{strength}/"))


def test_stacked_files_apply_in_order(tensors, unet):
    stacks = {name.split("/")[1] for name in tensors if name.startswith("out/stack_")}
    assert stacks
    key_map = model_lora_keys_unet(unet)
    for stack in stacks:
        patcher = _patcher(unet)
        parts = _STACK_PART.findall(stack.removeprefix("stack_"))
        assert len(parts) >= 2
        for case, strength in parts:
            patches = load_lora(_outputs(tensors, f"lora/{case}/"), key_map)
            patcher.add_patches(patches, float(strength))
        _check(patcher, _outputs(tensors, f"out/{stack}/"))


def test_a_patch_of_ones_is_weighed_against_the_model(files, tensors, unet):
    key = files.json()["merge_key"]
    merges = {name: match for name in tensors if (match := _MERGE.match(name))}
    assert merges
    for name, match in merges.items():
        patcher = _patcher(unet)
        ones = torch.ones_like(unet.state_dict()[key])
        patcher.add_patches({key: (ones,)}, float(match["patch"]), float(match["model"]))
        _check(patcher, {key: tensors[name]})


def test_unet_names_equal_the_reference(files, unet):
    assert model_lora_keys_unet(unet) == files.json("key_maps.json")["unet"]


def test_text_encoder_names_equal_the_reference(files):
    wanted = files.json("key_maps.json")["sdxl_text_encoders"]
    root = dict.fromkeys(wanted.values())

    class Model:
        def state_dict(self):
            return root

    assert model_lora_keys_clip(Model()) == wanted
