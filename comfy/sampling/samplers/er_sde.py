"""ER-SDE: extended reverse-time SDE with a chosen noise scale, up to third order. One network call per step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from comfy.sampling.noise import NoiseSampler, default_noise_sampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    finite_start,
    half_log_snr,
    model_sampling_of,
    report,
)

# Points of the sums that stand for the integrals over the noise scale.
NUM_POINTS = 200


def default_er_sde_noise_scaler(x: Tensor) -> Tensor:
    """The paper's recommended noise scale. Source: arXiv 2309.06169, table 1, ER-SDE 5."""
    return x * ((x**0.3).exp() + 10.0)


def reverse_time_noise_scaler(eta: float) -> Callable[[Tensor], Tensor]:
    """The noise scale of the plain reverse-time SDE with noise scaled by `eta`; zero is the ODE."""
    return lambda x: x ** (eta + 1)


@torch.no_grad()
def sample_er_sde(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    noise_scaler: Callable[[Tensor], Tensor] | None = None,
    max_stage: int = 3,
) -> Tensor:
    """ER-SDE-Solver of order `max_stage`. Source: Cui et al. 2023, arXiv 2309.06169, algorithms 1 to 3."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    scaler = noise_scaler or default_er_sde_noise_scaler
    model_sampling = model_sampling_of(model)
    sigmas = finite_start(sigmas, model_sampling)
    lambdas = half_log_snr(sigmas, model_sampling).neg().exp()  # the paper's lambda: sigma / alpha
    points = torch.arange(NUM_POINTS, dtype=torch.float32, device=x.device)
    previous = previous_slope = x
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            return denoised
        order = min(max_stage, i + 1)
        start, end = lambdas[i], lambdas[i + 1]
        alpha, alpha_next = sigmas[i] / start, sigmas[i + 1] / end
        r = scaler(end) / scaler(start)
        x = alpha_next / alpha * r * x + alpha_next * (1 - r) * denoised
        if order >= 2:
            dt = end - start
            width = -dt / NUM_POINTS
            position = end + points * width
            scaled = scaler(position)
            slope = (denoised - previous) / (start - lambdas[i - 1])
            area = (1 / scaled).sum() * width
            x = x + alpha_next * (dt + area * scaler(end)) * slope
            if order >= 3:
                moment = ((position - start) / scaled).sum() * width
                curve = (slope - previous_slope) / ((start - lambdas[i - 2]) / 2)
                x = x + alpha_next * (dt**2 / 2 + moment * scaler(end)) * curve
            previous_slope = slope
        if s_noise > 0:
            spread = (end**2 - start**2 * r**2).sqrt().nan_to_num(nan=0.0)
            x = x + alpha_next * noise_sampler(sigmas[i], sigmas[i + 1]) * s_noise * spread
        previous = denoised
    return x
