"""The UNet's hooks, sizes and detection, on a random narrow network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from comfy.errors import WeightsShapeError
from comfy.models.checkpoint import load_state_dict
from comfy.models.layers import attention
from comfy.models.unet.config import UNetConfig
from comfy.models.unet.detect import detect_unet_config, looks_like_unet
from comfy.models.unet.network import UNet
from comfy.weights.assign import shapes_of

BLOCKS = [
    ("input", 1),
    ("input", 3),
    ("middle", 0),
    ("output", 0),
    ("output", 1),
    ("output", 2),
    ("output", 3),
]


@pytest.fixture(scope="module")
def network(tiny_state_dict, tiny_metadata):
    loaded = load_state_dict(tiny_state_dict, tiny_metadata, output_clip=False, output_vae=False)
    return loaded.model.model.diffusion_model


@pytest.fixture
def run(network):
    generator = torch.Generator().manual_seed(3)
    x, context = torch.randn(2, 4, 6, 8, generator=generator), torch.randn(2, 5, 12, generator=generator)
    timesteps = torch.tensor([10.0, 900.0])

    def call(**options):
        with torch.no_grad():
            return network(x, timesteps, context=context, transformer_options=options)

    return call


def _patches(**by_name):
    return {"patches": {name: [function] for name, function in by_name.items()}}


def test_identity_hooks_change_nothing(run):
    plain = run()
    options = _patches(
        attn1_patch=lambda q, k, v, told: (q, k, v),
        attn2_patch=lambda q, k, v, told: (q, k, v),
        attn1_output_patch=lambda out, told: out,
        attn2_output_patch=lambda out, told: out,
        input_block_patch=lambda h, told: h,
        input_block_patch_after_skip=lambda h, told: h,
        output_block_patch=lambda h, skip, told: (h, skip),
        emb_patch=lambda emb, channels, told: emb,
    )
    assert torch.equal(run(**options), plain)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("attn1_patch", lambda q, k, v, told: (q, k, v * 2)),
        ("attn2_patch", lambda q, k, v, told: (q, k * 0, v)),
        ("attn1_output_patch", lambda out, told: out * 2),
        ("attn2_output_patch", lambda out, told: out * 0),
        ("input_block_patch", lambda h, told: h + 1),
        ("input_block_patch_after_skip", lambda h, told: h + 1),
        ("output_block_patch", lambda h, skip, told: (h, skip * 0)),
        ("emb_patch", lambda emb, channels, told: emb * 0),
    ],
)
def test_every_hook_reaches_the_result(run, name, function):
    assert not torch.allclose(run(**_patches(**{name: function})), run())


def test_attention_hooks_are_told_where_they_are(run):
    told_all = []

    def note(q, k, v, told):
        told_all.append(told)
        return q, k, v

    run(**_patches(attn1_patch=note), sigmas=torch.tensor([1.0]), cond_or_uncond=[0, 1])
    assert [told["block"] for told in told_all] == BLOCKS
    assert [told["transformer_index"] for told in told_all] == list(range(7))
    assert [told["n_heads"] for told in told_all] == [2, 4, 4, 4, 4, 2, 2]
    assert {told["dim_head"] for told in told_all} == {4}
    assert all(told["block_index"] == 0 for told in told_all)
    assert all(told["original_shape"] == [2, 4, 6, 8] for told in told_all)
    assert all(told["cond_or_uncond"] == [0, 1] and "patches" not in told for told in told_all)


def test_a_replacement_stands_for_the_attention_of_one_block(run):
    blocks = []

    def replacement(q, k, v, told):
        blocks.append(told["block"])
        return attention.optimized_attention(q, k, v, told["n_heads"])

    same = run(patches_replace={"attn2": {("input", 3): replacement, ("output", 1, 0): replacement}})
    assert torch.equal(same, run())
    assert blocks == [("input", 3), ("output", 1)]
    zero = run(patches_replace={"attn2": {("middle", 0): lambda q, k, v, told: torch.zeros_like(q)}})
    assert not torch.allclose(zero, run())


def test_the_exact_place_wins_over_the_block(run):
    def wrong(q, k, v, told):
        pytest.fail("the entry for the whole block was called")

    def right(q, k, v, told):
        return attention.optimized_attention(q, k, v, told["n_heads"])

    run(patches_replace={"attn1": {("middle", 0): wrong, ("middle", 0, 0): right}})


def test_the_callers_options_stay_as_they_were(run):
    options = {"patches": {}, "mark": 1}
    run(**options)
    assert options == {"patches": {}, "mark": 1}


def test_a_replaced_attention_function_is_used(run, monkeypatch):
    calls = []
    original = attention.optimized_attention
    monkeypatch.setattr(
        attention, "optimized_attention", lambda *a, **k: calls.append(1) or original(*a, **k)
    )
    run()
    assert len(calls) == 14


def test_an_attention_override_gets_the_original(run):
    calls = []

    def override(original, *args, **kwargs):
        calls.append(1)
        return original(*args, **kwargs)

    assert torch.equal(run(optimized_attention_override=override), run())
    assert len(calls) == 14


def test_control_residuals_are_taken_from_the_end_and_lists_are_left_alone(network, run):
    x, t = torch.zeros(1, 4, 4, 4), torch.tensor([1.0])
    context = torch.zeros(1, 2, 12)
    control = {
        "input": [None, None, torch.ones(1, 8, 4, 4)],
        "middle": [torch.ones(1, 16, 2, 2)],
        "output": [],
    }
    with torch.no_grad():
        plain = network(x, t, context=context)
        steered = network(x, t, context=context, control=control)
        again = network(x, t, context=context, control=control)
    assert not torch.allclose(plain, steered)
    assert torch.equal(steered, again)
    assert [len(residuals) for residuals in control.values()] == [3, 1, 0]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 5), (16, 16)])
def test_any_size_works(network, size):
    with torch.no_grad():
        out = network(torch.ones(1, 4, *size), torch.tensor([5.0]), context=torch.zeros(1, 2, 12))
    assert out.shape == (1, 4, *size)


CONFIGS = [
    UNetConfig(4, 4, 8, (1,), (1,), (1,), (1, 1), 1, 16, False, None, (2,), 8),
    UNetConfig(9, 8, 8, (2, 1), (1, 3), (0, 2, 1), (0, 2, 2, 1, 1), 3, 16, True, 5, (2, 4), 4),
    UNetConfig(4, 4, 8, (2, 2, 2), (1, 1, 2), (0,) * 6, (0,) * 9, None, None, False, None, (1, 1, 1), 2),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_detection_reads_back_what_was_built(config):
    with torch.device("meta"):
        shapes = shapes_of(UNet(config).state_dict())
    assert looks_like_unet(shapes)
    found = detect_unet_config(shapes)
    assert replace(found, num_heads=config.num_heads, groups=config.groups) == config
    config.validate()


@pytest.mark.parametrize("changes", [{"num_heads": (3,)}, {"groups": 3}, {"num_heads": (1, 1)}])
def test_counts_that_do_not_fit_are_refused(changes):
    with pytest.raises(WeightsShapeError):
        replace(CONFIGS[0], **changes).validate()


def test_heads_of_levels_without_attention_do_not_matter():
    replace(CONFIGS[2], num_heads=(7, 7, 7)).validate()
