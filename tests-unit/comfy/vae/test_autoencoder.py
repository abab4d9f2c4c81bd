"""The VAE object beside what the golden vectors show."""

from __future__ import annotations

import pytest
import torch

from comfy.errors import LatentError, WeightsShapeError
from comfy.interruption import InterruptProcessingException
from comfy.vae.autoencoder import VAE


@pytest.fixture
def weights(tiny_state_dict):
    return tiny_state_dict


@pytest.fixture
def vae(weights, tiny_metadata):
    return VAE.from_state_dict(weights, tiny_metadata)


def test_batches_equal_single_items(vae):
    latents = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(2))
    whole = vae.decode(latents)
    assert whole.shape == (3, 10, 12, 3)
    for i in range(3):
        torch.testing.assert_close(vae.decode(latents[i : i + 1])[0], whole[i])


def test_little_memory_means_smaller_batches_and_the_same_picture(vae, monkeypatch):
    latents = torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    whole = vae.decode(latents)
    sizes = []
    network = vae.first_stage_model.decode
    needed = vae.memory_used_decode((1, 4, 4, 4), torch.float32)
    monkeypatch.setattr("comfy.memory.devices.get_free_memory", lambda device: needed * 1.5)
    monkeypatch.setattr(vae.first_stage_model, "decode", lambda z: sizes.append(len(z)) or network(z))
    torch.testing.assert_close(vae.decode(latents), whole)
    assert sizes == [1, 1, 1]


def test_out_of_memory_goes_on_in_tiles(vae, monkeypatch):
    latents = torch.randn(1, 4, 40, 40, generator=torch.Generator().manual_seed(2))
    network = vae.first_stage_model.decode

    def small(z):
        if z.shape[-1] * z.shape[-2] >= 1600:
            raise torch.OutOfMemoryError
        return network(z)

    monkeypatch.setattr(vae.first_stage_model, "decode", small)
    monkeypatch.setattr(vae, "decode_tiled_", lambda z: VAE.decode_tiled_(vae, z, 16, 16, 4))
    assert vae.decode(latents).shape == (1, 80, 80, 3)


def test_what_can_never_fit_is_not_tried_whole(vae, monkeypatch):
    latents = torch.randn(1, 4, 40, 40, generator=torch.Generator().manual_seed(2))
    pixels = torch.rand(1, 24, 24, 3)
    sizes = []
    network = vae.first_stage_model.decode
    monkeypatch.setattr("comfy.memory.devices.get_free_memory", lambda device: 1000.0)
    monkeypatch.setattr(vae.first_stage_model, "decode", lambda z: sizes.append(z.shape[-1]) or network(z))
    monkeypatch.setattr(vae, "decode_tiled_", lambda z: VAE.decode_tiled_(vae, z, 16, 16, 4))
    assert vae.decode(latents).shape == (1, 80, 80, 3)
    assert max(sizes) <= 32
    assert vae.encode(pixels).shape == (1, 4, 12, 12)


def test_tiles_tell_their_progress_and_can_be_interrupted(vae, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "comfy.progress.PROGRESS_BAR_HOOK", lambda value, total, *_, **__: seen.append((value, total))
    )
    vae.decode_tiled(torch.zeros(2, 4, 24, 20), tile_x=16, tile_y=16, overlap=4)
    assert [value for value, _ in seen] == list(range(1, len(seen) + 1))
    assert {total for _, total in seen} == {len(seen)}

    def stop(*_, **__):
        raise InterruptProcessingException

    monkeypatch.setattr("comfy.progress.PROGRESS_BAR_HOOK", stop)
    with pytest.raises(InterruptProcessingException):
        vae.decode_tiled(torch.zeros(1, 4, 24, 20), tile_x=16, tile_y=16, overlap=4)


def test_alpha_is_left_out_when_encoding(vae):
    pixels = torch.rand(1, 8, 8, 4)
    torch.testing.assert_close(vae.encode(pixels), vae.encode(pixels[..., :3]))


def test_results_carry_no_gradient(vae):
    latent = torch.zeros(1, 4, 2, 2, requires_grad=True)
    assert not vae.decode(latent).requires_grad


@pytest.mark.parametrize("shape", [(1, 16, 4, 4), (4, 4, 4), (1, 4, 2, 4, 4)])
def test_a_latent_of_another_kind_is_refused_with_both_shapes(vae, shape):
    with pytest.raises(LatentError) as caught:
        vae.decode(torch.zeros(shape))
    assert caught.value.expected == "(B,4,h,w)"
    assert caught.value.found == str([*shape])


@pytest.mark.parametrize("shape", [(1, 1, 8, 3), (1, 8, 1, 3), (1, 8, 8, 1), (8, 8, 3)])
def test_pictures_that_cannot_be_encoded_are_refused(vae, shape):
    with pytest.raises(LatentError) as caught:
        vae.encode(torch.zeros(shape))
    assert caught.value.found == str([*shape])


def test_a_vae_without_encoder_says_so(weights, tiny_metadata):
    decoder_only = {key: value for key, value in weights.items() if ".encoder." not in key}
    vae = VAE.from_state_dict(decoder_only, tiny_metadata)
    assert vae.decode(torch.zeros(1, 4, 2, 2)).shape == (1, 4, 4, 3)
    with pytest.raises(WeightsShapeError) as caught:
        vae.encode(torch.zeros(1, 4, 4, 3))
    assert caught.value.key == "encoder.conv_in.weight"


def test_ratios_are_those_of_the_network(vae):
    assert vae.spacial_compression_decode() == vae.spacial_compression_encode() == 2
    assert vae.temporal_compression_decode() is None
    assert vae.memory_used_decode((1, 4, 8, 8), torch.float16) * 2 == vae.memory_used_decode(
        (1, 4, 8, 8), torch.float32
    )
