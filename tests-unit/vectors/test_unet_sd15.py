"""Family unet_sd15: the SD1 UNet, found in its state dict by keys and run as sampling runs it."""

from __future__ import annotations

import pytest
import torch

from comfy.models import sd1
from comfy.models.families import detect_family
from comfy.weights.assign import shapes_of, strip_prefix

FAMILY = "unet_sd15"
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}  # README: attention implementations differ in summation order


def _heads(config):
    """Head counts as a file's metadata writes them: one number, or one per level."""
    heads = config["num_heads"]
    return ",".join(map(str, heads)) if isinstance(heads, list) else str(heads)


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def expected(files):
    return files.tensors("io.safetensors")


@pytest.fixture(scope="module")
def model(files):
    config = files.json()["unet_config"]
    weights = strip_prefix(files.tensors("state.safetensors"), sd1.DIFFUSION_PREFIX)
    metadata = {"codec.sd1.unet_heads": _heads(config)}
    found, unet_config = detect_family(shapes_of(weights), metadata)
    assert found.NAME == "sd1"
    return found.build(unet_config, weights)


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


def test_config_is_read_from_keys_and_shapes(files, model):
    wanted = files.json()["unet_config"]
    found = model.model_config.unet_config
    shared = {key: value for key, value in wanted.items() if key in found}
    assert {"model_channels", "channel_mult", "num_res_blocks", "transformer_depth_output"} <= shared.keys()
    assert {key: found[key] for key in shared} == shared


@pytest.mark.usefixtures("no_grad")
def test_network_output_equals_the_reference(model, expected):
    out = model.diffusion_model(expected["x"], expected["timesteps"], context=expected["context"])
    torch.testing.assert_close(out, expected["out_raw"], **TOLERANCE)


@pytest.mark.usefixtures("no_grad")
def test_network_takes_a_text_of_two_chunks(model, expected):
    out = model.diffusion_model(expected["x"], expected["timesteps"], context=expected["context_long"])
    torch.testing.assert_close(out, expected["out_raw_long"], **TOLERANCE)


@pytest.mark.usefixtures("no_grad")
def test_odd_sizes_are_upsampled_to_the_skip(model, expected):
    batch = expected["x_odd"].shape[0]
    out = model.diffusion_model(
        expected["x_odd"], expected["timesteps"][:batch], context=expected["context"][:batch]
    )
    torch.testing.assert_close(out, expected["out_raw_odd"], **TOLERANCE)


@pytest.mark.usefixtures("no_grad")
def test_denoised_latent_equals_the_reference(model, expected):
    out = model.apply_model(expected["x_sigma"], expected["sigma"], c_crossattn=expected["context"])
    torch.testing.assert_close(out, expected["out_denoised"], **TOLERANCE)
