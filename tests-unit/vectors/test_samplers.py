"""Family samplers: final latents of every sampler on the toy network, network calls and callbacks."""

from __future__ import annotations

import ast
import re

import pytest
import torch
from toy_model import patcher_of
from vector_cases import key_params, node_names

from comfy.sampling import registry, run
from comfy.sampling.noise import BrownianTreeNoiseSampler
from comfy.sampling.samplers import er_sde, sa_solver

FAMILY = "samplers"
SD15_SCALE = 0.18215

# README: guidance amplifies rounding, so differences are measured against the largest value.
RELATIVE_TO_LARGEST = 1e-3
RTOL, RTOL_STOCHASTIC = 1e-4, 1e-3
STOCHASTIC = (
    "sde",
    "ancestral",
    "ddpm",
    "lcm",
    "seeds",
    "sa_solver",
    "SDE",
    "Ancestral",
    "SASolver",
    "Adaptative",
)

# Case -> how the run differs from: zero latent, noise by the seed, cfg 7.5.
BASE_SCHEDULER = {"eps": "normal", "vpred_zsnr": "sgm_uniform", "edm": "karras", "flow_shift3": "simple"}
CFG1 = {
    "eps": {"scheduler": "karras", "steps": 6},
    "flow_shift3": {"scheduler": "beta", "steps": 6},
    "flux_1.15": {"scheduler": "simple", "steps": 4},
}
CASES = {
    "img2img_denoise0.6": {"latent": True, "scheduler": "simple", "steps": 9, "denoise": 0.6},
    "adv_first_leftover": {"scheduler": "sgm_uniform", "steps": 8, "start_step": 0, "last_step": 4},
    "adv_second_nonoise": {
        "latent": True,
        "noise": False,
        "scheduler": "sgm_uniform",
        "steps": 8,
        "start_step": 4,
        "last_step": 10000,
        "force_full_denoise": True,
    },
    "adv_middle_force_full": {
        "latent": True,
        "scheduler": "simple",
        "steps": 8,
        "start_step": 2,
        "last_step": 5,
        "force_full_denoise": True,
        "cfg": 3.0,
    },
    "inpaint_denoise0.8": {"latent": True, "mask": True, "scheduler": "simple", "steps": 5, "denoise": 0.8},
    "steps1": {"scheduler": "simple", "steps": 1},
    "batch_index": {
        "latent": True,
        "batch_index": [5, 2],
        "scheduler": "exponential",
        "steps": 4,
        "denoise": 0.9,
    },
    "sd15_latent_format": {
        "latent": True,
        "latent_scale": SD15_SCALE,
        "scheduler": "simple",
        "steps": 4,
        "denoise": 0.7,
    },
    "custom_sigmas_nonzero_end": {"latent": True, "sigmas": "input/custom_sigmas_nonzero_end"},
    "custom_sigmas_rising_nonoise": {
        "latent": True,
        "noise": False,
        "cfg": 1.0,
        "sigmas": "input/custom_sigmas_rising",
    },
}

# Sampler node -> sampler function; its options are the function's, but for the ones named here.
NODE_SAMPLERS = {
    "SamplerDPMAdaptative": "dpm_adaptive",
    "SamplerDPMPP_2M_SDE": "dpmpp_2m_sde",
    "SamplerDPMPP_2S_Ancestral": "dpmpp_2s_ancestral",
    "SamplerDPMPP_3M_SDE": "dpmpp_3m_sde",
    "SamplerDPMPP_SDE": "dpmpp_sde",
    "SamplerER_SDE": "er_sde",
    "SamplerEulerAncestral": "euler_ancestral",
    "SamplerEulerAncestralCFGPP": "euler_ancestral_cfg_pp",
    "SamplerLMS": "lms",
    "SamplerSASolver": "sa_solver",
}


def _case(model, case):
    """The numbers of a case for a model sampling."""
    flow = model.startswith("flow")
    if case == "base_cfg7.5":
        return {"scheduler": BASE_SCHEDULER[model], "steps": 6, "cfg": 4.0 if flow else 7.5}
    if case == "base_cfg1":
        return {**CFG1[model], "cfg": 1.0}
    if case.startswith("scheduler_"):
        return {"scheduler": case.removeprefix("scheduler_"), "steps": 5, "cfg": 3.0 if flow else 7.5}
    if case == "img2img_denoise0.6" and flow:
        return {**CASES[case], "cfg": 4.0}
    return CASES[case]


def _is_run(key):
    parts = key.split("/")
    return len(parts) == 3 and "#" not in key and parts[1] not in ("node", "guider") and "node_" not in key


def _needed_node(key):
    """The node behind a case of guiders or custom sampling."""
    if "/guider/basic" in key:
        return "BasicGuider"
    return "DualCFGGuider" if "/guider/" in key else "SamplerCustom"


def _missing(key):
    name = key.split("/")[1]
    return None if name in registry.SAMPLER_NAMES else f"sampler {name} is not built yet"


def _missing_node(key):
    name = NODE_SAMPLERS.get(_node(key)[0])
    return None if name in registry.SAMPLER_NAMES else f"what node {_node(key)[0]} needs is not built yet"


def _node(key):
    name, arguments = re.fullmatch(r".*/(\w+)\((.*)\)", key).groups()
    return name, dict(pair.split("=") for pair in arguments.split(","))


def pytest_generate_tests(metafunc):
    config = metafunc.config
    if "run_key" in metafunc.fixturenames:
        metafunc.parametrize("run_key", key_params(config, FAMILY, _is_run, _missing))
    if "node_key" in metafunc.fixturenames:
        params = key_params(config, FAMILY, lambda k: k.split("/")[1:2] == ["node"], _missing_node)
        metafunc.parametrize("node_key", params)
    if "missing_key" in metafunc.fixturenames:
        params = key_params(
            config,
            FAMILY,
            lambda k: "/guider/" in k or "/node_" in k,
            lambda k: f"node {_needed_node(k)} is not built yet",
        )
        metafunc.parametrize("missing_key", params)


@pytest.fixture(scope="module")
def builtin_node_names():
    return node_names()


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def expected(files):
    return files.tensors()


@pytest.fixture(scope="module")
def config(files):
    return files.json()


@pytest.fixture(scope="module")
def meta(files):
    return files.json("meta.json")


class Recorder:
    """A callback that keeps what it was told."""

    def __init__(self):
        self.steps, self.x0 = [], None

    def __call__(self, step, x0, x, total_steps):
        self.steps.append([step, total_steps])
        self.x0 = x0


def _conditionings(expected):
    return [[expected["input/positive"], {}]], [[expected["input/negative"], {}]]


def assert_same_latent(found, wanted, key):
    largest = wanted.nan_to_num(0.0, 0.0, 0.0).abs().max().item()
    rtol = RTOL_STOCHASTIC if any(word in key for word in STOCHASTIC) else RTOL
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=RELATIVE_TO_LARGEST * largest, equal_nan=True)


def test_sampler_gives_the_reference_latent(run_key, config, expected, meta):
    model, name, case = run_key.split("/")
    assert name in registry.SAMPLER_NAMES  # unknown names run as the first one
    settings = dict(_case(model, case))
    patcher = patcher_of(config["model_samplings"][model], settings.pop("latent_scale", 1.0))
    latent = expected["input/latent" if settings.pop("latent", False) else "input/latent_zero"]
    items = settings.pop("batch_index", None)
    if items is not None:
        latent = latent[: len(items)]
    seed = config["seed"]
    with_noise = settings.pop("noise", True)
    noise = run.prepare_noise(latent, seed, items) if with_noise else torch.zeros_like(latent)
    positive, negative = _conditionings(expected)
    mask = expected["input/noise_mask"] if settings.pop("mask", False) else None
    cfg = settings.pop("cfg", 7.5)
    recorder = Recorder()
    common = {"latent_image": latent, "callback": recorder, "seed": seed}
    if "sigmas" in settings:
        sampler, sigmas = registry.sampler_object(name), expected[settings["sigmas"]]
        found = run.sample_custom(patcher, noise, cfg, sampler, sigmas, positive, negative, **common)
    else:
        steps = settings.pop("steps")
        scheduler = settings.pop("scheduler")
        names = (steps, cfg, name, scheduler, positive, negative)
        found = run.sample(patcher, noise, *names, noise_mask=mask, **common, **settings)
    assert_same_latent(found, expected[run_key], run_key)
    assert len(patcher.model.batches) == meta[run_key]["model_calls"]
    assert recorder.steps == meta[run_key]["callback"]
    if f"{run_key}#x0" in expected:
        assert_same_latent(recorder.x0, expected[f"{run_key}#x0"], run_key)


def _value(text):
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _er_sde_options(solver_type, max_stage, eta, s_noise):
    """The node's words: "ER-SDE" has a noise scale of its own, "ODE" has no noise."""
    if solver_type == "ER-SDE":
        return {"max_stage": max_stage, "s_noise": s_noise}
    if solver_type == "ODE":
        eta = s_noise = 0.0
    scaler = er_sde.reverse_time_noise_scaler(eta)
    return {"max_stage": max_stage, "s_noise": s_noise, "noise_scaler": scaler}


def _sa_solver_options(model_sampling, *, eta, sde_start, sde_end, predictor, corrector, pece, **options):
    start, end = (model_sampling.percent_to_sigma(share) for share in (sde_start, sde_end))
    return {
        "tau_func": sa_solver.get_tau_interval_func(start, end, eta),
        "predictor_order": predictor,
        "corrector_order": corrector,
        "use_pece": pece,
        **options,
    }


def test_sampler_takes_the_options_of_its_node(node_key, config, expected, meta):
    model = node_key.split("/")[0]
    node, arguments = _node(node_key)
    name = NODE_SAMPLERS[node]
    options = {option: _value(text) for option, text in arguments.items()}
    if options.pop("noise_device", "cpu") == "gpu":
        name += "_gpu"
    if "solver" in options:
        options["solver_type"] = options.pop("solver")
    patcher = patcher_of(config["model_samplings"][model])
    if name == "er_sde":
        options = _er_sde_options(**options)
    if name == "sa_solver":
        options = _sa_solver_options(patcher.get_model_object("model_sampling"), **options)
    latent, seed = expected["input/latent"], config["seed"]
    positive, negative = _conditionings(expected)
    found = run.sample_custom(
        patcher,
        run.prepare_noise(latent, seed),
        5.0,
        registry.ksampler(name, options),
        expected[f"input/sigmas_{model}_simple6"],
        positive,
        negative,
        latent,
        seed=seed,
    )
    assert_same_latent(found, expected[node_key], node_key)
    assert len(patcher.model.batches) == meta[node_key]["model_calls"]


def test_case_of_a_node_that_is_not_built(missing_key, builtin_node_names):
    """Fails until the node exists; then its runner belongs here."""
    assert _needed_node(missing_key) in builtin_node_names


def test_brownian_noise_is_equal_to_the_bit(config, expected):
    pairs, noise = expected["brownian/pairs"], expected["brownian/noise"]
    low, high = pairs.min(), pairs.max()
    tree = BrownianTreeNoiseSampler(torch.zeros_like(noise[0]), low, high, seed=config["seed"], cpu=True)
    for (sigma, sigma_next), wanted in zip(pairs, noise, strict=True):
        assert torch.equal(tree(sigma, sigma_next), wanted)
