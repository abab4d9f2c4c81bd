"""Family latent_formats: scaling into and out of every latent space, and its preview factors."""

from __future__ import annotations

import pytest
import torch

from comfy.latents import formats

FAMILY = "latent_formats"
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}  # README

NOT_BUILT = {"HunyuanImage21Refiner": "its latents are folded over time; comes with that model"}


def pytest_generate_tests(metafunc):
    if "name" not in metafunc.fixturenames:
        return
    harness = next(p for p in metafunc.config.pluginmanager.get_plugins() if hasattr(p, "family_of"))
    files = harness.family_of(metafunc.config, FAMILY)
    names = files.json("latent_formats.json")["formats"] if files.exists else []
    marks = {
        name: [pytest.mark.xfail(strict=True, reason=reason, raises=AttributeError)]
        for name, reason in NOT_BUILT.items()
    }
    metafunc.parametrize("name", [pytest.param(name, marks=marks.get(name, [])) for name in names])


@pytest.fixture
def facts(name, family):
    return family(FAMILY).json("latent_formats.json")["formats"][name]


def _example(shape):
    count = torch.Size(shape).numel()
    return torch.sin(0.37 * torch.arange(count, dtype=torch.float32)).reshape(shape)


@pytest.mark.parametrize("direction", ["process_in", "process_out"])
def test_scaling_equals_the_reference(direction, facts, name):
    latent_format = getattr(formats, name)()
    out = getattr(latent_format, direction)(_example(facts["example_shape"]))
    assert list(out.shape) == facts[f"{direction}_example_shape"]
    wanted = torch.tensor(facts[f"{direction}_example_first_per_channel"])
    torch.testing.assert_close(out[0].flatten(1)[:, 0], wanted, **TOLERANCE)


def test_facts_equal_the_reference(facts, name):
    latent_format = getattr(formats, name)()
    for field in (
        "latent_channels",
        "latent_dimensions",
        "scale_factor",
        "shift_factor",
        "taesd_decoder_name",
        "latent_rgb_factors",
        "latent_rgb_factors_bias",
    ):
        assert getattr(latent_format, field) == facts[field], field


def test_out_undoes_in(facts, name):
    latent_format = getattr(formats, name)()
    latent = _example(facts["example_shape"])
    torch.testing.assert_close(
        latent_format.process_out(latent_format.process_in(latent)), latent, **TOLERANCE
    )


def test_bases_equal_the_reference(facts, name):
    bases = [cls.__name__ for cls in getattr(formats, name).__mro__[1:-1]]
    assert bases == facts["bases"]
