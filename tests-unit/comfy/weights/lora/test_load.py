"""A kohya file laid over a whole checkpoint: model and text encoder together."""

from __future__ import annotations

import pytest
import torch

from comfy.models.checkpoint import load_state_dict
from comfy.weights.lora.load import load_lora, load_lora_for_models
from comfy.weights.lora.names import model_lora_keys_unet

UNET_BASE = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
TEXT_BASE = "lora_te_text_model_encoder_layers_1_mlp_fc1"
UNET_KEY = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
TEXT_KEY = "clip_l.transformer.text_model.encoder.layers.1.mlp.fc1.weight"


@pytest.fixture
def loaded(tiny_state_dict, tiny_metadata):
    return load_state_dict(tiny_state_dict, tiny_metadata)


@pytest.fixture
def lora():
    generator = torch.Generator().manual_seed(5)

    def pair(base, out_width, in_width):
        return {
            f"{base}.lora_up.weight": torch.randn(out_width, 2, generator=generator),
            f"{base}.lora_down.weight": torch.randn(2, in_width, generator=generator),
            f"{base}.alpha": torch.tensor(1.0),
        }

    return {**pair(UNET_BASE, 8, 12), **pair(TEXT_BASE, 16, 12)}


def _change(lora, base):
    return 0.5 * lora[f"{base}.lora_up.weight"] @ lora[f"{base}.lora_down.weight"]


def test_both_parts_change_by_their_own_strength_and_come_back(loaded, lora):
    model, clip = load_lora_for_models(loaded.model, loaded.clip, lora, 0.8, 0.3)
    before = {key: loaded.model.model.state_dict()[key].clone() for key in [UNET_KEY]}
    before |= {key: loaded.clip.cond_stage_model.state_dict()[key].clone() for key in [TEXT_KEY]}
    model.patch_model()
    clip.patcher.patch_model()
    after_unet, after_text = model.model.state_dict()[UNET_KEY], clip.cond_stage_model.state_dict()[TEXT_KEY]
    torch.testing.assert_close(after_unet, before[UNET_KEY] + 0.8 * _change(lora, UNET_BASE))
    torch.testing.assert_close(after_text, before[TEXT_KEY] + 0.3 * _change(lora, TEXT_BASE))
    model.unpatch_model()
    clip.patcher.unpatch_model()
    assert torch.equal(model.model.state_dict()[UNET_KEY], before[UNET_KEY])
    assert torch.equal(clip.cond_stage_model.state_dict()[TEXT_KEY], before[TEXT_KEY])


def test_the_given_objects_stay_unpatched(loaded, lora):
    model, clip = load_lora_for_models(loaded.model, loaded.clip, lora, 1.0, 1.0)
    assert not loaded.model.patches and not loaded.clip.patcher.patches
    assert model.patches and clip.patcher.patches
    plain = loaded.clip.encode("a cat")
    changed = clip.encode("a cat")
    assert not torch.allclose(plain, changed)
    assert torch.equal(loaded.clip.encode("a cat"), plain), (
        "the clone's patches must not stay in the shared model"
    )


def test_files_stack(loaded, lora):
    model, clip = load_lora_for_models(loaded.model, loaded.clip, lora, 1.0, 1.0)
    model, clip = load_lora_for_models(model, clip, lora, -1.0, -1.0)
    before = loaded.model.model.state_dict()[UNET_KEY].clone()
    model.patch_model()
    torch.testing.assert_close(model.model.state_dict()[UNET_KEY], before)
    assert len(model.patches[UNET_KEY]) == len(clip.patcher.patches[TEXT_KEY]) == 2


def test_either_part_may_be_missing(loaded, lora):
    model, clip = load_lora_for_models(loaded.model, None, lora, 1.0, 1.0)
    assert clip is None and UNET_KEY in model.patches
    model, clip = load_lora_for_models(None, loaded.clip, lora, 1.0, 1.0)
    assert model is None and TEXT_KEY in clip.patcher.patches


def test_keys_that_fit_nothing_are_said(loaded, lora, caplog):
    lora["lora_unet_nowhere.lora_up.weight"] = torch.zeros(1, 1)
    patches = load_lora(lora, model_lora_keys_unet(loaded.model.model))
    assert set(patches) == {UNET_KEY}
    assert "4 keys" in caplog.text


def test_half_a_pair_is_not_used(loaded, lora):
    del lora[f"{UNET_BASE}.lora_down.weight"]
    assert load_lora(lora, model_lora_keys_unet(loaded.model.model), log_missing=False) == {}


def test_a_file_of_another_width_changes_nothing_and_says_so(loaded, lora, caplog):
    wide = {key: value.repeat(2, 1) if value.dim() else value for key, value in lora.items()}
    model, _ = load_lora_for_models(loaded.model, None, wide, 1.0, 1.0)
    before = loaded.model.model.state_dict()[UNET_KEY].clone()
    model.patch_model()
    assert torch.equal(model.model.state_dict()[UNET_KEY], before)
    assert UNET_KEY in caplog.text
