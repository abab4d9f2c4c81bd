"""DEIS: multistep exponential integration with polynomials over the diffusion's own time. One call per step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from comfy.errors import SamplingError
from comfy.sampling.samplers.base import Denoiser, SamplerCallback, report, to_d

# The variance preserving process whose time carries the polynomials: its levels and its smallest time.
SIGMA_MIN, SIGMA_MAX, SMALLEST_TIME = 0.002, 80.0, 1e-3

# Points of the sums that stand for the integrals.
NUM_POINTS = 10000


def _vp_betas() -> tuple[float, float]:
    """beta(0) and beta(1) - beta(0) of the linear process between the two levels."""
    low, high = math.log(SIGMA_MIN**2 + 1), math.log(SIGMA_MAX**2 + 1)
    beta_d = 2 * (low / SMALLEST_TIME - high) / (SMALLEST_TIME - 1)
    return high - 0.5 * beta_d, beta_d


def _weights(levels: list[float], i: int, order: int) -> list[float]:
    """Weights of the newest `order` derivatives for step i: integrals of Lagrange polynomials over sigma.

    Source: Zhang & Chen 2022, arXiv 2204.13902, eq. 15 (tAB-DEIS), in the variance exploding form.
    """
    beta_min, beta_d = _vp_betas()
    sigmas = torch.tensor(levels[i - order + 1 : i + 2], dtype=torch.float64)
    times = ((beta_min**2 + 2 * beta_d * (1 + sigmas**2).log()).sqrt() - beta_min) / beta_d
    start, end = float(times[-2]), float(times[-1])
    tau = torch.linspace(start, end, NUM_POINTS, dtype=torch.float64)
    alpha_bar = (-0.5 * beta_d * tau**2 - beta_min * tau).exp()
    # d sigma / d tau for sigma = sqrt(1 / alpha_bar - 1).
    slope = 0.5 * (beta_min + beta_d * tau) / (alpha_bar * (1 - alpha_bar)).sqrt()
    nodes = times[:-1].flip(0)  # newest first
    result = []
    for j in range(order):
        basis = torch.ones_like(tau)
        for k in range(order):
            if k != j:
                basis = basis * (tau - nodes[k]) / (nodes[j] - nodes[k])
        result.append(float((slope * basis).sum()) * (end - start) / NUM_POINTS)
    return result


@torch.no_grad()
def sample_deis(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    max_order: int = 3,
    deis_mode: str = "tab",
) -> Tensor:
    """tAB-DEIS of order up to three. Raises: SamplingError for a `deis_mode` other than "tab"."""
    if deis_mode != "tab":
        msg = f"deis_mode {deis_mode!r} is not 'tab'"
        raise SamplingError(msg)
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    levels = sigmas.detach().cpu().double().tolist()
    derivatives: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        derivatives = [to_d(x, sigmas[i], denoised), *derivatives][:max_order]
        order = len(derivatives) if levels[i + 1] > 0 else 1
        if order == 1:
            x = x + (sigmas[i + 1] - sigmas[i]) * derivatives[0]
            continue
        weights = _weights(levels, i, order)
        x = x + sum(weight * d for weight, d in zip(weights, derivatives, strict=False))
    return x
