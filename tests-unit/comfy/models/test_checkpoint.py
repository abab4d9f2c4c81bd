"""Whole checkpoints: what is found in them, at any width, and how odd ones are refused."""

from __future__ import annotations

import random

import pytest
import torch
from safetensors.torch import save_file

from comfy.errors import UnknownModelError, WeightsError, WeightsFileError, WeightsShapeError
from comfy.models.checkpoint import load_checkpoint, load_diffusion_model, load_state_dict, load_vae
from comfy.weights.assign import strip_prefix

UNET = "model.diffusion_model."


@pytest.fixture
def loaded(tiny_checkpoint):
    return load_checkpoint(tiny_checkpoint)


def test_a_checkpoint_gives_model_text_encoder_and_vae(loaded):
    assert loaded.metadata["modelspec.title"] == "tiny"
    assert loaded.model.model.model_config.family == "sd1"
    assert loaded.model.model.model_config.unet_config["num_heads"] == [2, 4]
    assert loaded.model.model.get_dtype() == torch.float32
    assert loaded.vae.latent_channels == 4
    assert loaded.vae.first_stage_model.config.groups == (4, 8)
    cond = loaded.clip.encode_from_tokens_scheduled(loaded.clip.tokenize("a cat"))
    assert cond[0][0].shape == (1, 77, 12)


def test_text_to_pixels_goes_through_all_three(loaded):
    cond = loaded.clip.encode("a cat")
    x = torch.randn(1, 4, 6, 5, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        denoised = loaded.model.model.apply_model(x, torch.tensor([3.0]), c_crossattn=cond)
    assert denoised.shape == x.shape
    assert torch.isfinite(denoised).all()
    pixels = loaded.vae.decode(loaded.model.model.process_latent_out(denoised))
    assert pixels.shape == (1, 12, 10, 3)
    assert pixels.min() >= 0.0 and pixels.max() <= 1.0


def test_only_what_is_asked_for_is_built(tiny_checkpoint):
    loaded = load_checkpoint(tiny_checkpoint, output_clip=False, output_vae=False)
    assert loaded.model is not None
    assert loaded.clip is None
    assert loaded.vae is None


def test_a_model_may_compute_in_half_precision(tiny_state_dict, tiny_metadata, loaded, monkeypatch):
    monkeypatch.setattr(
        "comfy.memory.dtypes.unet_dtype", lambda device, supported_dtypes: supported_dtypes[1]
    )
    half = load_state_dict(tiny_state_dict, tiny_metadata, output_clip=False, output_vae=False).model.model
    assert half.get_dtype() == torch.bfloat16
    x, sigma, text = torch.ones(1, 4, 4, 4), torch.tensor([2.0]), torch.ones(1, 3, 12)
    with torch.no_grad():
        out = half.apply_model(x, sigma, c_crossattn=text)
        wanted = loaded.model.model.apply_model(x, sigma, c_crossattn=text)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, wanted, atol=0.05, rtol=0.05)  # bfloat16 keeps 8 bits


def test_weights_do_not_hang_on_the_file(tmp_path, tiny_state_dict, tiny_metadata):
    path = tmp_path / "a.safetensors"
    wide = {key: value.float() for key, value in tiny_state_dict.items()}
    save_file(wide, path, metadata=tiny_metadata)
    loaded = load_checkpoint(path)
    key = "diffusion_model.input_blocks.0.0.weight"
    before = loaded.model.model.state_dict()[key].clone()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * (path.stat().st_size // 2))
    assert torch.equal(loaded.model.model.state_dict()[key], before)
    assert torch.isfinite(loaded.clip.encode("a cat")).all()


def test_a_bare_network_file_is_a_diffusion_model(tmp_path, tiny_state_dict, tiny_metadata):
    path = tmp_path / "unet.safetensors"
    save_file(strip_prefix(tiny_state_dict, UNET), path, metadata=tiny_metadata)
    assert load_diffusion_model(path).model.model_config.family == "sd1"


@pytest.mark.parametrize("prefix", ["first_stage_model.", ""])
def test_a_vae_comes_out_of_any_file_that_has_one(tmp_path, tiny_state_dict, tiny_metadata, prefix):
    path = tmp_path / "vae.safetensors"
    bare = strip_prefix(tiny_state_dict, "first_stage_model.")
    save_file({prefix + key: value for key, value in bare.items()}, path, metadata=tiny_metadata)
    assert load_vae(path).downscale_ratio == 2


def test_attention_matrices_of_old_conversions_are_read(tiny_state_dict, tiny_metadata):
    flat = {
        key: value[:, :, 0, 0] if ".attn_1." in key and value.dim() == 4 else value
        for key, value in tiny_state_dict.items()
    }
    whole = load_state_dict(tiny_state_dict, tiny_metadata, output_model=False, output_clip=False).vae
    vae = load_state_dict(flat, tiny_metadata, output_model=False, output_clip=False).vae
    latent = torch.ones(1, 4, 3, 3)
    assert torch.equal(vae.decode(latent), whole.decode(latent))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("codec.sd1.unet_heads", "3"),
        ("codec.sd1.unet_heads", "2,4,4"),
        ("codec.sd1.unet_groups", "3"),
        ("codec.sd1.unet_groups", "4,4"),
        ("codec.sd1.text_heads", "5"),
        ("codec.sd1.vae_groups", "4,3"),
        ("codec.sd1.vae_groups", "seven"),
    ],
)
def test_a_count_that_does_not_fit_names_its_metadata_key(
    tmp_path, tiny_state_dict, tiny_metadata, key, value
):
    path = tmp_path / "a.safetensors"
    save_file(tiny_state_dict, path, metadata={**tiny_metadata, key: value})
    with pytest.raises(WeightsShapeError) as caught:
        load_checkpoint(path)
    assert caught.value.key == key
    assert caught.value.path == str(path)


def test_without_metadata_sd1s_own_numbers_hold(tiny_state_dict):
    with pytest.raises(WeightsShapeError) as caught:
        load_state_dict(tiny_state_dict, {})
    assert caught.value.key in ("codec.sd1.unet_heads", "codec.sd1.unet_groups")


def test_unknown_keys_are_an_unknown_model(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.zeros(2)}, path)
    with pytest.raises(UnknownModelError) as caught:
        load_checkpoint(path)
    assert caught.value.path == str(path)
    assert caught.value.key == "layer.weight"
    with pytest.raises(UnknownModelError):
        load_vae(path)


def test_an_empty_file_is_an_unknown_model(tmp_path):
    path = tmp_path / "empty.safetensors"
    save_file({}, path)
    with pytest.raises(UnknownModelError):
        load_checkpoint(path)


def test_a_text_file_is_no_checkpoint(tmp_path):
    path = tmp_path / "notes.safetensors"
    path.write_text("hello, I am a text file and nothing else")
    with pytest.raises(WeightsFileError):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "key",
    [
        f"{UNET}time_embed.2.bias",
        f"{UNET}output_blocks.1.1.transformer_blocks.0.attn2.to_v.weight",
        "first_stage_model.decoder.up.0.block.1.norm2.weight",
        "cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc2.bias",
    ],
)
def test_a_missing_weight_is_named(tiny_state_dict, tiny_metadata, key):
    without = {name: value for name, value in tiny_state_dict.items() if name != key}
    with pytest.raises(WeightsError) as caught:
        load_state_dict(without, tiny_metadata)
    assert caught.value.key.split(".")[-3:] == key.split(".")[-3:]


def test_no_damage_to_keys_and_shapes_gives_anything_but_a_typed_error(tiny_state_dict, tiny_metadata):
    """Any mixture of missing, renamed, reshaped and retyped tensors loads or raises WeightsError."""
    rng = random.Random(11)
    outcomes = set()
    for _ in range(120):
        damaged = dict(tiny_state_dict)
        for _ in range(rng.randint(1, 4)):
            key = rng.choice(list(damaged))
            tensor = damaged.pop(key)
            match rng.randrange(7):
                case 0:
                    continue
                case 1:
                    key = key.replace(
                        rng.choice(["0", "1", "weight", "conv"]), rng.choice(["2", "77", "x", ""])
                    )
                case 2:
                    tensor = tensor.flatten()
                case 3:
                    tensor = torch.zeros([rng.randint(0, 3) for _ in range(rng.randint(0, 5))])
                case 4:
                    tensor = tensor.to(torch.int64)
                case 5:
                    tensor = tensor.repeat([2] + [1] * (tensor.dim() - 1))
                case 6:
                    key = key.replace("0", "99999999999999999999")
            damaged[key] = tensor
        try:
            load_state_dict(damaged, tiny_metadata)
            outcomes.add("loaded")
        except WeightsError as error:
            outcomes.add(type(error).__name__)
    assert {"WeightsShapeError", "UnknownModelError"} <= outcomes
