"""Family vae_flux16: the KL autoencoder of 16 channels, without the 1x1 convolutions around the latent."""

from __future__ import annotations

import pytest
import torch

from comfy.latents.formats import Flux
from comfy.vae.autoencoder import VAE

FAMILY = "vae_flux16"
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}  # README


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def expected(files):
    return files.tensors("io.safetensors")


@pytest.fixture(scope="module")
def vae(files):
    return VAE.from_state_dict(files.tensors("state.safetensors"))


def test_config_is_read_from_keys_and_shapes(files, vae):
    wanted, config = files.json()["ddconfig"], vae.first_stage_model.config
    assert (config.ch, list(config.ch_mult)) == (wanted["ch"], wanted["ch_mult"])
    assert config.num_res_blocks == wanted["num_res_blocks"]
    assert config.z_channels == wanted["z_channels"] == vae.latent_channels
    assert not config.has_quant


@pytest.mark.parametrize(("given", "wanted"), [("image", "encode"), ("image_odd", "encode_odd")])
def test_encode_equals_the_reference(vae, expected, given, wanted):
    torch.testing.assert_close(vae.encode(expected[given]), expected[wanted], **TOLERANCE)


def test_decode_equals_the_reference(vae, expected):
    torch.testing.assert_close(vae.decode(expected["latent"]), expected["decode"], **TOLERANCE)


def test_moments_equal_the_reference(vae, expected):
    with torch.no_grad():
        moments = vae.first_stage_model.moments(vae.process_input(expected["image"].movedim(-1, 1)))
    torch.testing.assert_close(moments, expected["encoder_moments"], **TOLERANCE)


@pytest.mark.parametrize("direction", ["process_in", "process_out"])
def test_the_flux_scale_equals_the_reference(expected, direction):
    out = getattr(Flux(), direction)(expected["latent"])
    torch.testing.assert_close(out, expected[f"latent_format_{direction}"], **TOLERANCE)
