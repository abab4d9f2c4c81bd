"""Checkpoints that are written are checkpoints that are read."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from comfy.errors import UnknownModelError
from comfy.models.checkpoint import load_checkpoint, load_diffusion_model, load_text_encoder
from comfy.models.loading import (
    CLIPType,
    load_checkpoint_guess_config,
    load_clip,
    load_state_dict_guess_config,
    load_unet,
)
from comfy.models.saving import save_checkpoint
from comfy.weights.assign import strip_prefix

KEY = "diffusion_model.input_blocks.0.0.weight"


@pytest.fixture
def loaded(tiny_checkpoint):
    return load_checkpoint(tiny_checkpoint)


def test_patches_are_baked_in_and_everything_else_is_kept(tmp_path, loaded, tiny_state_dict):
    path = tmp_path / "saved.safetensors"
    patched = loaded.model.clone()
    patched.add_patches({KEY: (torch.ones(8, 4, 3, 3),)}, 0.5)
    save_checkpoint(
        path, patched, loaded.clip, loaded.vae, metadata={"note": "mine"}, extra_keys={"x": torch.ones(1)}
    )
    again = load_checkpoint(path)
    assert again.metadata["note"] == "mine"
    wanted = {f"model.{key}": value for key, value in patched.model.state_dict().items() if KEY in key}
    assert torch.equal(again.model.model.state_dict()[KEY], wanted[f"model.{KEY}"])
    torch.testing.assert_close(
        again.model.model.state_dict()[KEY], tiny_state_dict[f"model.{KEY}"].float() + 0.5
    )
    assert torch.equal(again.clip.encode("a cat"), loaded.clip.encode("a cat"))
    latent = torch.ones(1, 4, 2, 2)
    assert torch.equal(again.vae.decode(latent), loaded.vae.decode(latent))
    assert again.vae.first_stage_model.config == loaded.vae.first_stage_model.config


def test_a_model_alone_can_be_saved(tmp_path, loaded):
    path = tmp_path / "unet.safetensors"
    save_checkpoint(path, loaded.model)
    assert load_diffusion_model(path).model.model_config.unet_config["num_heads"] == [2, 4]


def test_the_calls_of_packs_give_tuples(tiny_checkpoint, tiny_state_dict, tiny_metadata, tmp_path):
    model, clip, vae, vision = load_checkpoint_guess_config(
        str(tiny_checkpoint), embedding_directory=str(tmp_path), model_options={"my": {"option": 1}}
    )
    assert model.model_options == {"transformer_options": {}, "my": {"option": 1}}
    assert clip is not None and vae is not None and vision is None
    assert (
        load_state_dict_guess_config(tiny_state_dict, False, False, metadata=tiny_metadata)[1:] == (None,) * 3
    )
    assert load_unet(tiny_checkpoint, torch.bfloat16).model.get_dtype() == torch.bfloat16


@pytest.mark.parametrize(
    "prefix", ["", "transformer.", "clip_l.transformer.", "cond_stage_model.transformer."]
)
@pytest.mark.parametrize("level", ["text_model.", ""])
def test_a_text_encoder_file_is_read_under_any_of_its_names(
    tmp_path, tiny_state_dict, tiny_metadata, loaded, prefix, level
):
    bare = strip_prefix(tiny_state_dict, "cond_stage_model.transformer.text_model.")
    path = tmp_path / "clip.safetensors"
    save_file({prefix + level + key: value for key, value in bare.items()}, path, metadata=tiny_metadata)
    clip = load_clip([path])
    assert torch.equal(clip.encode("a cat"), loaded.clip.encode("a cat"))


def test_a_file_without_text_encoder_says_so(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"w": torch.zeros(1)}, path)
    with pytest.raises(UnknownModelError) as caught:
        load_text_encoder(path)
    assert caught.value.path == str(path)


@pytest.mark.parametrize(("count", "kind"), [(2, CLIPType.STABLE_DIFFUSION), (1, CLIPType.FLUX)])
def test_other_kinds_of_text_encoders_are_refused_by_name(count, kind):
    with pytest.raises(UnknownModelError) as caught:
        load_clip(["a", "b"][:count], clip_type=kind)
    assert kind.name in caught.value.found
