"""Schedules: laws that hold for any bounds, and refusals."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from comfy.errors import SamplingError
from comfy.sampling import schedules

BOUNDS = st.tuples(st.floats(0.001, 1.0), st.floats(1.01, 100.0))


@given(n=st.integers(2, 60), bounds=BOUNDS, rho=st.floats(1.0, 9.0))
def test_karras_levels_run_from_the_largest_to_the_smallest_and_zero(n, bounds, rho):
    sigmas = schedules.karras_sigmas(n, *bounds, rho=rho)
    assert sigmas.shape == (n + 1,) and sigmas[-1] == 0
    assert math.isclose(float(sigmas[0]), bounds[1], rel_tol=1e-4)
    # float32 carries the largest level's rounding down to the smallest one.
    assert math.isclose(float(sigmas[-2]), bounds[0], rel_tol=1e-3, abs_tol=1e-6 * bounds[1])


@given(n=st.integers(3, 40), bounds=BOUNDS)
def test_exponential_levels_fall_by_one_factor(n, bounds):
    steps = schedules.exponential_sigmas(n, *bounds)[:-1].double().log().diff()
    torch.testing.assert_close(steps, steps.mean().expand_as(steps), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("bounds", [(0, 1.0, 2.0), (3, 0.0, 2.0), (3, 2.0, 1.0)])
def test_impossible_numbers_are_refused(bounds):
    with pytest.raises(SamplingError) as caught:
        schedules.karras_sigmas(*bounds)
    assert str(bounds[1]) in str(caught.value)


def test_quadratic_half_goes_on_with_the_lines_slope():
    class Table:
        sigma_max = torch.tensor(1.0)

    sigmas = schedules.linear_quadratic_schedule(Table(), 40, threshold_noise=0.1, linear_steps=20).double()
    before, after = sigmas[19] - sigmas[20], sigmas[20] - sigmas[21]
    assert before == pytest.approx(0.005, abs=1e-6) and after > before
    assert sigmas[20] == pytest.approx(0.9)
