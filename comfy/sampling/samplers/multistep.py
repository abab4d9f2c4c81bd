"""Linear multistep methods on the probability flow: Adams-Bashforth in several forms. One network call per step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from comfy.errors import SamplingError
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    report,
    to_d,
)


def lagrange_integrals(nodes: Sequence[float], start: float, end: float) -> list[float]:
    """Integrals from start to end of the Lagrange basis polynomials over the nodes, exactly.

    Source: Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, section III.1.
    """
    result = []
    for j, node in enumerate(nodes):
        coefficients = [1.0]  # of 1, tau, tau^2 ..., with tau = t - start for small numbers
        for k, other in enumerate(nodes):
            if k == j:
                continue
            root, scale = other - start, node - other
            shifted = [0.0, *coefficients]
            coefficients = [
                (high - root * low) / scale for high, low in zip(shifted, [*coefficients, 0.0], strict=True)
            ]
        width = end - start
        result.append(sum(c * width ** (n + 1) / (n + 1) for n, c in enumerate(coefficients)))
    return result


@torch.no_grad()
def sample_lms(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    order: int = 4,
) -> Tensor:
    """Adams-Bashforth over uneven levels with up to `order` derivatives. Raises: SamplingError for order < 1."""
    if order < 1:
        msg = f"order must be at least 1, got {order}"
        raise SamplingError(msg)
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    levels = sigmas.detach().cpu().double().tolist()
    derivatives: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if levels[i + 1] == 0:
            x = denoised
            continue
        derivatives = [to_d(x, sigmas[i], denoised), *derivatives][:order]
        nodes = [levels[i - k] for k in range(len(derivatives))]
        weights = lagrange_integrals(nodes, levels[i], levels[i + 1])
        x = x + sum(weight * d for weight, d in zip(weights, derivatives, strict=True))
    return x


# Weights of Adams-Bashforth over even steps, newest derivative first.
ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


@torch.no_grad()
def sample_ipndm(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    max_order: int = 4,
) -> Tensor:
    """Adams-Bashforth with the weights of even steps. Source: Zhang & Chen 2022, arXiv 2204.13902, section 3.3."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    derivatives: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            x = denoised
            continue
        derivatives = [to_d(x, sigmas[i], denoised), *derivatives][:max_order]
        weights = ADAMS_BASHFORTH[len(derivatives) - 1]
        step = sigmas[i + 1] - sigmas[i]
        x = x + step * sum(weight * d for weight, d in zip(weights, derivatives, strict=True))
    return x


def _uneven_step(steps: Sequence[Tensor], derivatives: Sequence[Tensor]) -> Tensor:
    """The mean derivative over the next step, from the newest derivatives (newest first) at uneven levels.

    `steps` are the next step and the ones before it, newest first. Newton's form: each order adds a weighted
    difference. Two places are as clients know them and not exact: w_2 (the integral has 1 - h / (3 (h + h_1)) as a
    factor of the rest) and the oldest derivative's h_1 / h_2 (the difference has h_2 / h_3). Source: measured,
    vectors of the samplers family.
    """
    h = steps[0]
    mean = derivatives[0]
    if len(derivatives) >= 2:
        h_1 = steps[1]
        first = derivatives[0] - derivatives[1]
        mean = mean + h / h_1 / 2 * first
    if len(derivatives) >= 3:
        h_2 = steps[2]
        older = derivatives[1] - derivatives[2]
        second = first - h_1 / h_2 * older
        w_2 = (1 - h / (3 * (h + h_1)) * (h * (h + h_1)) / (h_1 * (h_1 + h_2))) / 2
        mean = mean + w_2 * second
    if len(derivatives) >= 4:
        h_3 = steps[3]
        ratio = h_1 * (h_1 + h_2) / (h_2 * (h_2 + h_3))
        third = second - ratio * (older - h_2 / h_3 * derivatives[2] + h_1 / h_2 * derivatives[3])
        share = (1 - h / (3 * (h + h_1))) / 2
        share = share + (1 - h / (2 * (h + h_1))) * h / (6 * (h + h_1 + h_2))
        w_3 = share * (h * (h + h_1) * (h + h_1 + h_2)) / (h_1 * (h_1 + h_2) * (h_1 + h_2 + h_3))
        mean = mean + w_3 * third
    return mean


@torch.no_grad()
def sample_ipndm_v(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    max_order: int = 4,
) -> Tensor:
    """Adams-Bashforth with weights for uneven steps."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    derivatives: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            x = denoised
            continue
        derivatives = [to_d(x, sigmas[i], denoised), *derivatives][:max_order]
        steps = [sigmas[i - k + 1] - sigmas[i - k] for k in range(len(derivatives))]
        x = x + steps[0] * _uneven_step(steps, derivatives)
    return x
