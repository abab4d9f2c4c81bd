"""Family vae_kl_sd1: the KL autoencoder, whole and in tiles."""

from __future__ import annotations

import re

import pytest
import torch

from comfy.vae.autoencoder import VAE
from comfy.weights.assign import strip_prefix

FAMILY = "vae_kl_sd1"
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}  # README

_DECODE_TILE = re.compile(r"tiled/decode_tile(?P<x>\d+)_overlap(?P<overlap>\d+)$")
_DECODE_XY = re.compile(r"tiled/decode_tilex(?P<x>\d+)_tiley(?P<y>\d+)_overlap(?P<overlap>\d+)$")
_ENCODE_TILE = re.compile(r"tiled/encode_tile(?P<x>\d+)_overlap(?P<overlap>\d+)$")


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
    wanted = files.json()
    config = vae.first_stage_model.config
    assert config.ch == wanted["ddconfig"]["ch"]
    assert list(config.ch_mult) == wanted["ddconfig"]["ch_mult"]
    assert config.num_res_blocks == wanted["ddconfig"]["num_res_blocks"]
    assert config.z_channels == wanted["embed_dim"] == vae.latent_channels
    assert vae.spacial_compression_decode() == wanted["downscale"]


def test_decode_equals_the_reference(vae, expected):
    torch.testing.assert_close(vae.decode(expected["latent"]), expected["decode"], **TOLERANCE)


def test_raw_decode_equals_the_reference(vae, expected):
    with torch.no_grad():
        raw = vae.decode_raw(expected["latent"])
    torch.testing.assert_close(raw, expected["decode_raw"], **TOLERANCE)


def test_encode_gives_the_posterior_mean(vae, expected):
    torch.testing.assert_close(vae.encode(expected["image"]), expected["encode"], **TOLERANCE)


def test_moments_equal_the_reference(vae, expected):
    pixels = vae.process_input(expected["image"].movedim(-1, 1))
    with torch.no_grad():
        moments = vae.first_stage_model.moments(pixels)
    torch.testing.assert_close(moments, expected["encoder_moments"], **TOLERANCE)


def test_odd_pictures_are_cut_in_the_middle(vae, expected):
    torch.testing.assert_close(vae.encode(expected["image_odd"]), expected["encode_odd"], **TOLERANCE)


def test_a_file_without_prefix_is_the_same_vae(files, expected):
    bare = strip_prefix(files.tensors("state.safetensors"), "first_stage_model.")
    vae = VAE.from_state_dict(bare)
    torch.testing.assert_close(vae.decode(expected["latent"]), expected["decode"], **TOLERANCE)


def test_every_tiled_case_equals_the_reference(vae, expected, subtests):
    cases = [name for name in expected if name.startswith(("tiled/decode", "tiled/encode"))]
    assert cases
    for name in cases:
        with subtests.test(name):
            match = _DECODE_TILE.match(name) or _DECODE_XY.match(name)
            if match:
                sizes = {key: int(value) for key, value in match.groupdict().items()}
                out = vae.decode_tiled(
                    expected["tiled/latent"],
                    tile_x=sizes["x"],
                    tile_y=sizes.get("y", sizes["x"]),
                    overlap=sizes["overlap"],
                )
            else:
                match = _ENCODE_TILE.match(name)
                assert match, f"unknown kind of tiled case {name}"
                size, overlap = int(match["x"]), int(match["overlap"])
                out = vae.encode_tiled(expected["tiled/image"], tile_x=size, tile_y=size, overlap=overlap)
            torch.testing.assert_close(out, expected[name], **TOLERANCE)
