"""Family cfg_nodes: nodes that change guidance, masks, video latents and latent arithmetic, on the toy network."""

from __future__ import annotations

import ast
import re

import pytest
import torch
from toy_model import toy_patcher
from vector_cases import builtin_nodes, key_params

from comfy.sampling import run

FAMILY = "cfg_nodes"
RTOL, RTOL_STOCHASTIC = 1e-4, 1e-3  # README
RELATIVE_TO_LARGEST = (
    1e-3  # guidance amplifies rounding, so differences are measured against the largest value
)
SCHEDULERS = {"eps": "normal", "flow_shift3": "simple"}
NODES = builtin_nodes()
OPERATIONS = {"Sharpen": "LatentOperationSharpen", "TonemapReinhard": "LatentOperationTonemapReinhard"}


def _node_of(key):
    """The node class that a case needs, None when it needs none."""
    kind, *rest = key.split("/")
    name = re.split(r"[(#]", rest[0] if kind == "latent" else rest[1])[0]
    return None if kind == "video" or name in ("none", "plain") else name


def _missing(key):
    name = _node_of(key)
    return None if name is None or name in NODES else f"node {name} is not built yet"


def pytest_generate_tests(metafunc):
    if "key" in metafunc.fixturenames:
        wanted = metafunc.function.__name__.split("_")[1]
        starts = {"latent": ("latent/",), "sampling": ("cfg/", "mask/", "video/", "guider/")}[wanted]
        seen: set[str] = set()

        def is_case(key):
            """Inputs are none; of the cases of a node that is not built, the first stands for all."""
            if not key.startswith(starts) or key in ("latent/a", "latent/b") or _missing(key) in seen:
                return False
            seen.update(filter(None, [_missing(key)]))
            return True

        metafunc.parametrize("key", key_params(metafunc.config, FAMILY, is_case, _missing))


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def tensors(files):
    return files.tensors()


def _arguments(text):
    """The values between a case's parentheses, names left out."""
    values = [part.split("=")[-1] for part in text.split(",") if part]
    return [ast.literal_eval(value) if re.match(r"-?[\d.]+$", value) else value for value in values]


def _execute(name, *args):
    return NODES[name].execute(*args).result[0]


def _operation(text):
    name, arguments = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    return _execute(OPERATIONS[name], *_arguments(arguments))


def _latent_result(name, arguments, tensors):
    first, second = {"samples": tensors["latent/a"]}, {"samples": tensors["latent/b"]}
    if name == "LatentApplyOperation":
        return _execute(name, first, _operation(arguments))
    values = _arguments(arguments)
    if name == "LatentInterpolate":  # README: the reference takes single items only
        first, second = {"samples": first["samples"][:1]}, {"samples": first["samples"][1:] * 0.5 + 0.1}
    if name == "LatentConcat":  # joined with the other item order of the same batch
        second = {"samples": first["samples"][:1]}
    if name in ("LatentMultiply", "LatentCut", "LatentBatchSeedBehavior"):
        return _execute(name, first, *values)
    return _execute(name, first, second, *values)


def test_latent_nodes_give_the_reference_latent(key, tensors):
    name, arguments, what = re.fullmatch(r"latent/(\w+)(?:\((.*)\))?(?:#(\w+))?", key).groups()
    result = _latent_result(name, arguments or "", tensors)
    if what == "batch_index":
        assert result.get("batch_index", [-1]) == tensors[key].tolist()
        return
    torch.testing.assert_close(result["samples"], tensors[key], rtol=RTOL, atol=1e-6)


def _patched(model, text):
    """The model behind the node that a case names, with that node's parameters."""
    if text in ("none", "plain"):
        return model
    name, arguments = re.fullmatch(r"(\w+)(?:\((.*)\))?", text).groups()
    if name == "LatentApplyOperationCFG":
        return _execute(name, model, _operation(arguments))
    node_class = NODES[name]
    return getattr(node_class(), node_class.FUNCTION)(model, *_arguments(arguments or ""))[0]


def test_sampling_behind_a_node_gives_the_reference_latent(key, files, tensors):
    kind, sampling, *rest = key.split("/")
    model = toy_patcher("eps") if sampling == "eps" else toy_patcher("flow", shift=3.0)
    settings = {"latent": "input/latent", "cfg": 5.0, "denoise": 1.0, "mask": None, "node": "none"}
    if kind == "cfg":
        node, cfg, sampler = rest
        settings |= {"node": node, "cfg": float(cfg.removeprefix("cfg"))}
    elif kind == "mask":
        node, sampler = rest
        settings |= {"node": node, "denoise": 0.9, "mask": tensors["input/gradient_mask"]}
    else:
        assert kind == "video", "guiders other than the usual one have no runner yet"
        sampler, mask = rest
        settings |= {"latent": "input/video_latent", "denoise": 0.8, "cfg": 4.0}
        settings["mask"] = tensors["input/video_mask"] if mask == "mask" else None
    latent, seed = tensors[settings["latent"]], files.json()["seed"]
    found = run.sample(
        _patched(model, settings["node"]),
        run.prepare_noise(latent, seed),
        5,
        settings["cfg"],
        sampler,
        SCHEDULERS[sampling],
        [[tensors["input/positive"], {}]],
        [[tensors["input/negative"], {}]],
        latent,
        denoise=settings["denoise"],
        noise_mask=settings["mask"],
        seed=seed,
    )
    rtol = RTOL_STOCHASTIC if re.search("sde|ancestral", sampler) else RTOL
    wanted = tensors[key]
    atol = RELATIVE_TO_LARGEST * wanted.abs().max().item()
    torch.testing.assert_close(found, wanted, rtol=rtol, atol=atol)
