"""Family manifests: full-size networks are recognised by their keys and shapes alone, without any weights."""

from __future__ import annotations

import gzip
import json

import pytest
import torch

from comfy.models.families import detect_family, diffusion_prefix
from comfy.vae.families import build_vae
from comfy.weights.assign import shapes_of

FAMILY = "manifests"

BUILT = {"sd15"}
BUILT_VAES = {"vae_kl_f8", "vae_16ch_flux_sd3"}
VAE_FACTS = {"vae_kl_f8": "sd1_sd2_sdxl", "vae_16ch_flux_sd3": "flux_sd3"}


def _parametrize(metafunc, argument, start, built):
    harness = next(p for p in metafunc.config.pluginmanager.get_plugins() if hasattr(p, "family_of"))
    files = harness.family_of(metafunc.config, FAMILY)
    names = sorted(path.name.removesuffix(".json.gz") for path in files.path.glob(f"{start}*.json.gz"))
    later = pytest.mark.xfail(strict=True, reason="this family comes with a later issue")
    metafunc.parametrize(
        argument,
        [pytest.param(name, marks=[] if name.removeprefix("unet_") in built else [later]) for name in names],
    )


def pytest_generate_tests(metafunc):
    if "network" in metafunc.fixturenames:
        _parametrize(metafunc, "network", "unet_", BUILT)
    if "vae_file" in metafunc.fixturenames:
        _parametrize(metafunc, "vae_file", "vae_", BUILT_VAES)


def _manifest(files, name):
    """Tensors of a file's shapes without memory behind them."""
    shapes = json.loads(gzip.decompress((files.path / f"{name}.json.gz").read_bytes()))
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


def test_a_network_is_recognised_with_all_its_numbers(network, family):
    files = family(FAMILY)
    facts = files.json("detection.json")[network.removeprefix("unet_")]
    prefix = facts["prefix_in_checkpoint"]
    tensors = {prefix + key: value for key, value in _manifest(files, network).items()}
    assert diffusion_prefix(list(tensors)) == facts["prefix_found"]
    found, config = detect_family(shapes_of(tensors, prefix), {})
    told = found.model_config(config)
    wanted = facts["unet_config_final"]
    shared = {key: told.unet_config[key] for key in wanted if key in told.unet_config}
    assert len(shared) >= 9
    assert shared == {key: wanted[key] for key in shared}
    assert type(told.latent_format).__name__ == facts["latent_format"]
    assert told.model_type.name == facts["model_type"]
    assert told.sampling_settings.keys() >= facts["sampling_settings"].keys()


def test_a_vae_is_recognised_with_its_ratios(vae_file, family):
    files = family(FAMILY)
    facts = files.json("vae_facts.json")[VAE_FACTS[vae_file]]
    network, traits = build_vae(_manifest(files, vae_file), None)
    assert traits.latent_channels == facts["latent_channels"]
    assert (traits.downscale, traits.upscale) == (facts["down"], facts["up"])
    assert {key for key, _ in network.named_parameters()} == set(_manifest(files, vae_file))
