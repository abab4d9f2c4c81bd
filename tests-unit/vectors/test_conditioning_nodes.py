"""Family conditioning, the node cases: average, concat, zero out. Sampling with them is in test_conditioning."""

from __future__ import annotations

import re

import pytest
import torch

from comfy_extras.core.conditioning import ConditioningAverage, ConditioningConcat, ConditioningZeroOut

FAMILY = "conditioning"
NODE_CASE = re.compile(r"(average|concat|zero_out)/")


@pytest.fixture(scope="module")
def tensors(family):
    return family(FAMILY).tensors()


@pytest.fixture(scope="module")
def conditionings(tensors):
    return {
        "1": [[tensors["cond1"], {"pooled_output": tensors["pooled1"]}]],
        "2": [[tensors["cond2"], {"pooled_output": tensors["pooled2"]}]],
        "3": [[tensors["cond3_long"], {}]],
    }


def _run(case, conditionings):
    kind, *rest = case.split("/")
    if kind == "zero_out":
        return ConditioningZeroOut().zero_out(conditionings["1"])[0]
    to, come_from, strength = re.match(r"(\d)to_(\d)from_?([\d.]*)", rest[0]).groups()
    if kind == "concat":
        return ConditioningConcat().concat(conditionings[to], conditionings[come_from])[0]
    average = ConditioningAverage().addWeighted
    return average(conditionings[to], conditionings[come_from], float(strength))[0]


def test_a_node_gives_what_the_reference_gave(tensors, conditionings, subtests):
    cases = [name for name in tensors if NODE_CASE.match(name)]
    assert cases
    for name in cases:
        with subtests.test(name):
            ((cond, values),) = _run(name, conditionings)
            got = cond if name.endswith("/cond") else values["pooled_output"]
            torch.testing.assert_close(got, tensors[name], atol=1e-5, rtol=0)
