"""From a checkpoint file to a saved picture, node by node, with narrow random networks."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from comfy.errors import TextError, WeightsError
from comfy_extras.core import sampling
from comfy_extras.core.conditioning import (
    CLIPSetLastLayer,
    CLIPTextEncode,
    ConditioningCombine,
    ConditioningSetTimestepRange,
)
from comfy_extras.core.conditioning_areas import ConditioningSetArea, ConditioningSetMask
from comfy_extras.core.image_io import SaveImage
from comfy_extras.core.inpainting import InpaintModelConditioning, VAEEncodeForInpaint
from comfy_extras.core.latents import EmptyLatentImage, SetLatentNoiseMask
from comfy_extras.core.loaders import CheckpointLoaderSimple, LoraLoader, LoraLoaderModelOnly, VAELoader
from comfy_extras.core.sampling import KSampler, KSamplerAdvanced
from comfy_extras.core.vae import VAEDecode, VAEDecodeTiled, VAEEncode, VAEEncodeTiled


@pytest.fixture
def loaded(narrow_checkpoint):
    return CheckpointLoaderSimple().load_checkpoint(narrow_checkpoint)


@pytest.fixture
def prompts(loaded):
    encode = CLIPTextEncode().encode
    return encode(loaded[1], "a (cat:1.2)")[0], encode(loaded[1], "")[0]


def _sample(model, prompts, latent, seed=1, **changes):
    values = {"steps": 3, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", **changes}
    return KSampler().sample(
        model, seed, positive=prompts[0], negative=prompts[1], latent_image=latent, **values
    )[0]


def test_a_prompt_becomes_a_saved_picture(loaded, prompts, folders):
    model, _, vae = loaded
    latent = _sample(model, prompts, EmptyLatentImage().generate(64, 48, 2)[0])
    assert latent["samples"].shape == (2, 4, 6, 8)
    (images,) = VAEDecode().decode(vae, latent)
    assert images.shape == (2, 48, 64, 3) and images.min() >= 0 and images.max() <= 1
    (entry, _) = SaveImage().save_images(images)["ui"]["images"]
    with Image.open(folders / "output" / entry["filename"]) as picture:
        assert picture.size == (64, 48)


def test_the_seed_decides_the_picture(loaded, prompts):
    latent = EmptyLatentImage().generate(32, 32)[0]
    once, again, other = (_sample(loaded[0], prompts, latent, seed)["samples"] for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.allclose(once, other)
    assert torch.count_nonzero(latent["samples"]) == 0


def test_an_item_of_a_batch_can_be_made_alone(loaded, prompts):
    batch = _sample(loaded[0], prompts, EmptyLatentImage().generate(32, 32, 3)[0])["samples"]
    alone = {"samples": torch.zeros(1, 4, 4, 4), "batch_index": [2]}
    torch.testing.assert_close(_sample(loaded[0], prompts, alone)["samples"], batch[2:], atol=1e-3, rtol=1e-3)


def test_the_schedule_can_be_run_in_two_parts(loaded, prompts):
    latent = EmptyLatentImage().generate(32, 32)[0]
    whole = _sample(loaded[0], prompts, latent, steps=4)["samples"]
    run = KSamplerAdvanced().sample
    common = (1, 4, 4.0, "euler", "normal", *prompts)
    (half,) = run(loaded[0], "enable", *common, latent, 0, 2, "enable")
    (both,) = run(loaded[0], "disable", *common, half, 2, 10000, "disable")
    torch.testing.assert_close(both["samples"], whole, atol=1e-3, rtol=1e-3)


def test_outside_of_the_noise_mask_the_latent_stays(loaded, prompts):
    samples = torch.randn(1, 4, 4, 4)
    mask = torch.zeros(1, 32, 32)
    mask[:, :, 16:] = 1
    (latent,) = SetLatentNoiseMask().set_mask({"samples": samples}, mask)
    out = _sample(loaded[0], prompts, latent)["samples"]
    torch.testing.assert_close(out[..., :2], samples[..., :2], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(out[..., 2:], samples[..., 2:])


def test_areas_masks_and_ranges_change_the_result(loaded, prompts):
    positive, negative = prompts
    (second,) = CLIPTextEncode().encode(loaded[1], "a dog on a hill")
    latent = EmptyLatentImage().generate(128, 128)[0]
    variants = [
        positive,
        ConditioningCombine().combine(positive, second)[0],
        ConditioningCombine().combine(positive, ConditioningSetArea().append(second, 64, 64, 64, 0, 1.0)[0])[
            0
        ],
        ConditioningCombine().combine(
            positive, ConditioningSetMask().append(second, torch.eye(16), "default", 1.0)[0]
        )[0],
        ConditioningCombine().combine(
            positive, ConditioningSetTimestepRange().set_range(second, 0.0, 0.4)[0]
        )[0],
    ]
    results = [_sample(loaded[0], (cond, negative), latent, steps=2)["samples"] for cond in variants]
    for i, one in enumerate(results):
        assert torch.isfinite(one).all()
        assert all(not torch.allclose(one, other) for other in results[i + 1 :])


def test_the_sampling_function_that_a_pack_puts_in_place_is_called(loaded, prompts, monkeypatch):
    calls = []
    original = sampling.common_ksampler
    monkeypatch.setattr(
        sampling, "common_ksampler", lambda *args, **kwargs: calls.append(args) or original(*args, **kwargs)
    )
    _sample(loaded[0], prompts, EmptyLatentImage().generate(32, 32)[0])
    assert len(calls) == 1


def test_clip_skip_changes_the_conditioning_of_the_clone_alone(loaded, prompts):
    (skipped,) = CLIPSetLastLayer().set_last_layer(loaded[1], -2)
    ((cond, _),) = CLIPTextEncode().encode(skipped, "a (cat:1.2)")[0]
    assert not torch.allclose(cond, prompts[0][0][0])


def test_a_checkpoint_without_text_encoder_says_so_when_a_prompt_is_encoded():
    with pytest.raises(TextError, match="text encoder"):
        CLIPTextEncode().encode(None, "a cat")


def test_one_tile_is_the_whole_picture_and_more_are_put_together(loaded):
    _, _, vae = loaded
    latent = {"samples": torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))}
    (whole,) = VAEDecode().decode(vae, latent)
    (one_tile,) = VAEDecodeTiled().decode(vae, latent, tile_size=512, overlap=64)
    torch.testing.assert_close(one_tile, whole, atol=1e-4, rtol=1e-4)
    (tiled,) = VAEDecodeTiled().decode(vae, latent, tile_size=64, overlap=64)
    assert tiled.shape == whole.shape and not torch.equal(tiled, whole)
    (encoded,) = VAEEncode().encode(vae, whole)
    (encoded_one_tile,) = VAEEncodeTiled().encode(vae, whole, 512, 64)
    torch.testing.assert_close(encoded_one_tile["samples"], encoded["samples"], atol=1e-3, rtol=1e-3)
    assert VAEEncodeTiled().encode(vae, whole, 64, 16)[0]["samples"].shape == (1, 4, 16, 16)


def test_alpha_is_left_out_of_the_latent(loaded):
    pixels = torch.rand(1, 16, 16, 4)
    (with_alpha,) = VAEEncode().encode(loaded[2], pixels)
    (without,) = VAEEncode().encode(loaded[2], pixels[..., :3])
    assert torch.equal(with_alpha["samples"], without["samples"])


def test_inpainting_nodes_cut_to_whole_cells_and_keep_the_mask(loaded, prompts):
    pixels, mask = torch.rand(1, 33, 41, 3), torch.ones(20, 20)
    (latent,) = VAEEncodeForInpaint().encode(loaded[2], pixels, mask)
    assert latent["samples"].shape == (1, 4, 4, 5) and latent["noise_mask"].shape == (1, 1, 32, 40)
    positive, negative, latent = InpaintModelConditioning().encode(*prompts, pixels, loaded[2], mask)
    assert latent["noise_mask"].shape == (1, 1, 32, 40)
    for ((_, values),) in (positive, negative):
        assert values["concat_latent_image"].shape == (1, 4, 4, 5)
        assert values["concat_mask"].shape == (1, 1, 32, 40)
    (_, _, unmasked) = InpaintModelConditioning().encode(*prompts, pixels, loaded[2], mask, noise_mask=False)
    assert "noise_mask" not in unmasked


@pytest.fixture
def lora_name(folders):
    generator = torch.Generator().manual_seed(0)
    key = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn2_to_q"
    text = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    tensors = {
        f"{key}.lora_up.weight": torch.randn(32, 2, generator=generator),
        f"{key}.lora_down.weight": torch.randn(2, 32, generator=generator),
        f"{text}.lora_up.weight": torch.randn(72, 2, generator=generator),
        f"{text}.lora_down.weight": torch.randn(2, 24, generator=generator),
    }
    save_file(tensors, folders / "models" / "loras" / "style.safetensors")
    return "style.safetensors"


def test_a_lora_changes_pictures_and_prompts_of_its_clones_alone(loaded, prompts, lora_name):
    model, clip, _ = loaded
    latent = EmptyLatentImage().generate(32, 32)[0]
    before = _sample(model, prompts, latent)["samples"]
    styled, styled_clip = LoraLoader().load_lora(model, clip, lora_name, 1.0, 1.0)
    assert not torch.allclose(_sample(styled, prompts, latent)["samples"], before)
    assert not torch.allclose(CLIPTextEncode().encode(styled_clip, "cat")[0][0][0], clip.encode("cat"))
    torch.testing.assert_close(_sample(model, prompts, latent)["samples"], before)


def test_a_lora_of_strength_zero_changes_nothing_and_reads_nothing(loaded):
    assert LoraLoader().load_lora(*loaded[:2], "no such file", 0, 0) == loaded[:2]


def test_a_lora_for_the_model_alone_needs_no_text_encoder(loaded, prompts, lora_name):
    latent = EmptyLatentImage().generate(32, 32)[0]
    (styled,) = LoraLoaderModelOnly().load_lora_model_only(loaded[0], lora_name, 1.0)
    assert not torch.allclose(
        _sample(styled, prompts, latent)["samples"], _sample(loaded[0], prompts, latent)["samples"]
    )


def test_the_file_of_a_lora_is_read_once_per_node(loaded, lora_name, folders):
    node = LoraLoader()
    node.load_lora(*loaded[:2], lora_name, 1.0, 1.0)
    kept = node.loaded_lora
    node.load_lora(*loaded[:2], lora_name, 0.5, 0.5)
    assert node.loaded_lora is kept


def test_a_vae_of_its_own_file_and_the_one_of_pixels_load_by_name(folders, narrow_weights, loaded):
    tensors = {
        k.removeprefix("first_stage_model."): t for k, t in narrow_weights[0].items() if "first_stage" in k
    }
    save_file(tensors, folders / "models" / "vae" / "alone.safetensors")
    (name, pixel_space) = VAELoader.INPUT_TYPES()["required"]["vae_name"][0]
    latent = {"samples": torch.randn(1, 4, 4, 4)}
    alone = VAEDecode().decode(VAELoader().load_vae(name)[0], latent)[0]
    torch.testing.assert_close(alone, VAEDecode().decode(loaded[2], latent)[0])
    pixels = torch.rand(1, 4, 4, 3)
    (vae,) = VAELoader().load_vae(pixel_space)
    torch.testing.assert_close(vae.decode(vae.encode(pixels)), pixels)


def test_a_damaged_checkpoint_and_an_unknown_one_are_named(folders):
    (folders / "models" / "checkpoints" / "bad.safetensors").write_bytes(b"\x10" + b"\0" * 30)
    with pytest.raises(WeightsError, match="bad"):
        CheckpointLoaderSimple().load_checkpoint("bad.safetensors")
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        CheckpointLoaderSimple().load_checkpoint("gone.safetensors")


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/hostname", "a/../../outside.safetensors"])
def test_a_name_cannot_leave_the_model_folder(folders, narrow_weights, name):
    save_file(narrow_weights[0], folders / "models" / "outside.safetensors")
    with pytest.raises(FileNotFoundError):
        CheckpointLoaderSimple().load_checkpoint(name)
