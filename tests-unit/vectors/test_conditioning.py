"""Family conditioning: nodes that combine conditionings, and what sampling makes of areas, masks and time ranges."""

from __future__ import annotations

import re

import pytest
import torch
from toy_model import toy_patcher
from vector_cases import builtin_nodes, call_node, key_params

from comfy.sampling import conditions, evaluation, run

FAMILY = "conditioning"
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}  # README
SAMPLE_TOLERANCE = {"rtol": 1e-3, "atol": 1e-3}
MODEL_SAMPLINGS = {"eps": {"prediction": "eps"}, "flow_shift3": {"prediction": "flow", "shift": 3.0}}
SEED, STEPS, CFG = 42, 6, 5.0


def pytest_generate_tests(metafunc):
    for fixture, pattern in (
        ("calc_key", r"calc/.*"),
        ("sample_key", r"sample/.*"),
        ("node_key", r"(average|concat|zero_out)/.*"),
    ):
        if fixture in metafunc.fixturenames:
            params = key_params(metafunc.config, FAMILY, re.compile(pattern).fullmatch)
            metafunc.parametrize(fixture, params)


@pytest.fixture(scope="module")
def files(family):
    return family(FAMILY)


@pytest.fixture(scope="module")
def expected(files):
    return files.tensors()


@pytest.fixture(scope="module")
def nodes():
    return builtin_nodes()


@pytest.fixture(scope="module")
def texts(expected):
    """Conditionings 1 and 2 with, 3 without a pooled output."""
    return {
        "1": [[expected["cond1"], {"pooled_output": expected["pooled1"]}]],
        "2": [[expected["cond2"], {"pooled_output": expected["pooled2"]}]],
        "3": [[expected["cond3_long"], {}]],
    }


@pytest.fixture(scope="module")
def positives(nodes, texts, expected):
    """Case -> positive conditioning, made by the nodes that the README names."""
    one, two, three = texts["1"], texts["2"], texts["3"]
    left, box = expected["mask_left"], expected["mask_box"]

    def area(cond, width, height, x, y, strength, node="ConditioningSetArea"):
        numbers = {"width": width, "height": height, "x": x, "y": y, "strength": strength}
        return call_node(nodes, node, conditioning=cond, **numbers)[0]

    def mask(cond, mask, bounds, strength):
        return call_node(
            nodes,
            "ConditioningSetMask",
            conditioning=cond,
            mask=mask,
            set_cond_area=bounds,
            strength=strength,
        )[0]

    def between(cond, start, end):
        return call_node(nodes, "ConditioningSetTimestepRange", conditioning=cond, start=start, end=end)[0]

    def strength(cond, value):
        return call_node(nodes, "ConditioningSetAreaStrength", conditioning=cond, strength=value)[0]

    corner = area(one, 96, 96, 16, 16, 1.0)
    percent = area(one, 0.5, 0.4, 0.25, 0.3, 1.0, "ConditioningSetAreaPercentage")
    return {
        "plain": one,
        "combine_1_2": one + two,
        "combine_1_3long": one + three,
        "combine_strengths": strength(one, 0.3) + strength(two, 1.7),
        "area_center": area(one, 64, 72, 32, 24, 1.0),
        "area_corner_str": area(one, 96, 64, 0, 0, 0.6) + two,
        "area_overflow": area(one, 400, 400, 40, 40, 1.0),
        "area_two_overlap": area(one, 96, 96, 0, 0, 1.0) + area(two, 96, 96, 32, 32, 2.0),
        "area_percent": percent + two,
        "mask_default": mask(one, left, "default", 1.0) + two,
        "mask_bounds": mask(one, box, "mask bounds", 0.9) + two,
        "mask_and_area": mask(corner, box, "default", 0.5) + two,
        "mask_pair": mask(one, left, "default", 1.0) + mask(two, 1.0 - left, "default", 1.0),
        "range_in": between(one, 0.2, 0.8),
        "range_out_and_other": between(one, 0.9, 1.0) + two,
        "range_both": between(one, 0.0, 0.5) + between(two, 0.5, 1.0),
        "range_none_active": between(one, 0.95, 1.0),
    }


def _sides(case, positives, texts):
    return positives[case], texts["3" if case == "combine_1_2" else "2"]


def test_evaluation_is_the_weighted_mean_of_active_entries(calc_key, files, expected, positives, texts):
    _, model, case, sigma, side = calc_key.split("/")
    patcher = toy_patcher(**MODEL_SAMPLINGS[model])
    x = expected["x"]
    both = zip(("positive", "negative"), _sides(case, positives, texts), strict=True)
    entries = {name: conditions.convert_cond(cond) for name, cond in both}
    prepared = conditions.process_conds(patcher.model, x, entries, torch.device("cpu"))
    assert {name: len(found) for name, found in prepared.items()} == files.json()["cond_counts"][case]
    level = torch.full((x.shape[0],), float(sigma.removeprefix("sigma")))
    found = evaluation.calc_cond_batch(
        patcher.model, [prepared["positive"], prepared["negative"]], x, level, {}
    )
    torch.testing.assert_close(found[side == "negative"], expected[calc_key], **TOLERANCE)


def test_run_with_several_conditionings(sample_key, expected, positives, texts):
    case = sample_key.split("/")[1]
    positive, negative = _sides(case, positives, texts)
    latent = torch.zeros_like(expected[sample_key])
    found = run.sample(
        toy_patcher(),
        run.prepare_noise(latent, SEED),
        STEPS,
        CFG,
        "euler",
        "normal",
        positive,
        negative,
        latent,
        seed=SEED,
    )
    torch.testing.assert_close(found, expected[sample_key], **SAMPLE_TOLERANCE)


def test_node_that_joins_conditionings(node_key, expected, nodes, texts):
    kind, *rest, part = node_key.split("/")
    if kind == "zero_out":
        ((found, options),) = call_node(nodes, "ConditioningZeroOut", conditioning=texts["1"])[0]
    else:
        numbers = re.fullmatch(r"(\d)to_(\d)from_?([\d.]*)", rest[0])
        ends = {"conditioning_to": texts[numbers[1]], "conditioning_from": texts[numbers[2]]}
        if kind == "average":
            strength = float(numbers[3])
            outputs = call_node(nodes, "ConditioningAverage", **ends, conditioning_to_strength=strength)
        else:
            outputs = call_node(nodes, "ConditioningConcat", **ends)
        ((found, options),) = outputs[0]
    value = found if part == "cond" else options["pooled_output"]
    torch.testing.assert_close(value, expected[node_key], **TOLERANCE)
