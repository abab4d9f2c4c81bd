"""Family sigmas: tables of noise levels, prediction algebra, schedules, the first noise."""

from __future__ import annotations

import re

import pytest
import torch
from toy_model import patcher_of
from vector_cases import key_params, node_names

from comfy.sampling import run, schedules

FAMILY = "sigmas"
# README; float32 tables differ by an ulp or two between maths libraries.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6, "equal_nan": True}

ALGEBRA = ("calculate_input", "calculate_denoised", "noise_scaling_max0", "noise_scaling_max1")
NODE_INPUTS = ("/latent", "/sigmas", "/input/")
# Nodes whose whole content is one function that is built.
SCHEDULE_NODES = {
    "KarrasScheduler": schedules.karras_sigmas,
    "ExponentialScheduler": schedules.exponential_sigmas,
    "PolyexponentialScheduler": schedules.polyexponential_sigmas,
    "VPScheduler": schedules.vp_sigmas,
}
BUILT_NODES = {*SCHEDULE_NODES, "BasicScheduler", "BetaSamplingScheduler", "prepare_noise"}
ARGUMENT_OF = {"max": "sigma_max", "min": "sigma_min", "eps": "eps_s"}


def _node(key):
    return key.split("/")[1]


def pytest_generate_tests(metafunc):
    config = metafunc.config
    if "schedule_key" in metafunc.fixturenames:
        metafunc.parametrize("schedule_key", key_params(config, FAMILY, lambda k: k.startswith("ksampler/")))
    if "table_key" in metafunc.fixturenames:
        metafunc.parametrize(
            "table_key", key_params(config, FAMILY, lambda k: re.fullmatch(r"table/.*/length", k) is not None)
        )
    if "algebra_key" in metafunc.fixturenames:
        metafunc.parametrize(
            "algebra_key",
            key_params(config, FAMILY, lambda k: re.fullmatch(r"algebra/.*/sigma", k) is not None),
        )
    if "node_key" in metafunc.fixturenames:
        metafunc.parametrize(
            "node_key",
            key_params(config, FAMILY, lambda k: k.startswith("node/") and _node(k) in BUILT_NODES),
        )
    if "missing_node_key" in metafunc.fixturenames:
        metafunc.parametrize(
            "missing_node_key",
            key_params(
                config,
                FAMILY,
                lambda k: k.startswith("node/") and _node(k) not in {*BUILT_NODES, "input"},
                missing=lambda k: f"node {_node(k)} is not built yet",
            ),
        )


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def expected(files):
    return files.tensors()


@pytest.fixture(scope="module")
def patchers(files):
    return {name: patcher_of(entry) for name, entry in files.json()["model_samplings"].items()}


@pytest.fixture(scope="module")
def builtin_node_names():
    return node_names()


def test_schedule_of_a_ksampler(schedule_key, files, expected, patchers):
    _, model, scheduler, steps, denoise, kind = schedule_key.split("/")
    sampler = "euler" if kind == "plain" else files.json()["discard_penultimate_samplers"][-1]
    made = run.KSampler(patchers[model], 1, None, sampler, scheduler)
    assert made.scheduler == scheduler
    made.set_steps(int(steps.removeprefix("steps")), float(denoise.removeprefix("denoise")))
    torch.testing.assert_close(made.sigmas, expected[schedule_key], **TOLERANCE)


def test_table_of_noise_levels(table_key, expected, patchers):
    name = table_key.split("/")[1]
    table = patchers[name].get_model_object("model_sampling")
    prefix = f"table/{name}/"
    assert len(table.sigmas) == int(expected[table_key])
    torch.testing.assert_close(
        table.sigmas[expected[prefix + "index"]], expected[prefix + "sigmas"], **TOLERANCE
    )
    bounds = torch.stack([table.sigma_min, table.sigma_max])
    torch.testing.assert_close(bounds, expected[prefix + "min_max"], **TOLERANCE)


def test_percent_and_timestep_conversions(table_key, expected, patchers):
    name = table_key.split("/")[1]
    table = patchers[name].get_model_object("model_sampling")
    shares = expected[f"percent/{name}/in"].tolist()
    levels = torch.tensor([table.percent_to_sigma(share) for share in shares], dtype=torch.float64)
    torch.testing.assert_close(levels, expected[f"percent/{name}/sigma"], **TOLERANCE)
    timestep = table.timestep(expected[f"timestep/{name}/sigma"]).float()
    torch.testing.assert_close(timestep, expected[f"timestep/{name}/t"], **TOLERANCE)
    for kind in ("sigma_of_t", "sigma_of_t_frac"):
        if f"{kind}/{name}/t" in expected:
            sigma = table.sigma(expected[f"{kind}/{name}/t"])
            torch.testing.assert_close(sigma, expected[f"{kind}/{name}/sigma"], **TOLERANCE)


def test_prediction_algebra(algebra_key, expected, patchers):
    name = algebra_key.split("/")[1]
    prediction = patchers[name].get_model_object("model_sampling")
    sigma = expected[algebra_key]
    x, out, latent = (expected[f"algebra/{part}"] for part in ("x", "out", "latent"))
    found = (
        prediction.calculate_input(sigma, x),
        prediction.calculate_denoised(sigma, out, x),
        prediction.noise_scaling(sigma[1], x, latent, False),
        prediction.noise_scaling(sigma[1], x, latent, True),
    )
    for part, value in zip(ALGEBRA, found, strict=True):
        torch.testing.assert_close(value, expected[f"algebra/{name}/{part}"], **TOLERANCE)
    unscaled = prediction.inverse_noise_scaling(sigma[1], x)
    torch.testing.assert_close(unscaled, expected[f"algebra/{name}/inverse_noise_scaling"], **TOLERANCE)


def _arguments(text):
    """`max80_min0.002_rho5` as keyword arguments."""
    pairs = re.findall(r"(?:^|_)([a-z_]+?)(-?[\d.]+)(?=_|$)", text)
    return {ARGUMENT_OF.get(name, name): float(value) for name, value in pairs}


def _noise(parts, expected_dtype):
    """The first noise that a `prepare_noise` key describes."""
    words = {
        word: re.search(rf"{word}([\dx-]+)", "/".join(parts)) for word in ("seed", "shape", "batch_index")
    }
    latent = torch.zeros([int(n) for n in words["shape"][1].split("x")], dtype=expected_dtype)
    items = words["batch_index"]
    return run.prepare_noise(
        latent, int(words["seed"][1]), None if items is None else [int(i) for i in items[1].split("-")]
    )


def test_node_of_one_function(node_key, expected, patchers):
    wanted = expected[node_key]
    _, node, *parts = node_key.split("/")
    if node == "prepare_noise":
        assert torch.equal(_noise(parts, wanted.dtype), wanted)  # random numbers are equal or wrong
        return
    if node == "BasicScheduler":
        model, scheduler, steps, denoise = parts
        sampler = run.KSampler(patchers[model], int(steps[5:]), None, "euler", scheduler, float(denoise[7:]))
        sigmas = sampler.sigmas
    elif node == "BetaSamplingScheduler":
        model, steps, shape = parts
        table = patchers[model].get_model_object("model_sampling")
        sigmas = schedules.beta_scheduler(table, int(steps[5:]), **_arguments(shape))
    else:
        steps, numbers = parts
        sigmas = SCHEDULE_NODES[node](int(steps[5:]), **_arguments(numbers))
    torch.testing.assert_close(sigmas, wanted, **TOLERANCE)


def test_node_that_is_not_built(missing_node_key, builtin_node_names):
    """Fails until the node exists; then its runner belongs here."""
    assert _node(missing_node_key) in builtin_node_names
