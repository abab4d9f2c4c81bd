"""DPM-Solver-2 with its midpoint in log-sigma, plain and ancestral."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.sampling.noise import NoiseSampler, default_noise_sampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    get_ancestral_step,
    get_ancestral_step_flow,
    is_flow,
    model_sampling_of,
    report,
    to_d,
)
from comfy.sampling.samplers.euler import churned


@torch.no_grad()
def sample_dpm_2(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
) -> Tensor:
    """Midpoint steps, two network calls each. Source: Lu et al. 2022, arXiv 2206.00927, algorithm 1."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        x, sigma_hat = churned(x, sigmas[i], len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        denoised = model(x, sigma_hat * ones, **extra_args)
        d = to_d(x, sigma_hat, denoised)
        report(callback, x, i, sigmas[i], denoised, sigma_hat)
        if sigmas[i + 1] == 0:
            x = x + d * (sigmas[i + 1] - sigma_hat)
            continue
        sigma_mid = sigma_hat.log().lerp(sigmas[i + 1].log(), 0.5).exp()
        x_2 = x + d * (sigma_mid - sigma_hat)
        d_2 = to_d(x_2, sigma_mid, model(x_2, sigma_mid * ones, **extra_args))
        x = x + d_2 * (sigmas[i + 1] - sigma_hat)
    return x


@torch.no_grad()
def sample_dpm_2_ancestral(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """Midpoint steps to a lower level than asked for, and noise back up to it; `eta` scales that noise."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    flow = is_flow(model_sampling_of(model))
    for i in range(len(sigmas) - 1):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, sigma * ones, **extra_args)
        report(callback, x, i, sigma, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        scale: Any = 1.0
        if flow:
            sigma_down, scale, sigma_up = get_ancestral_step_flow(sigma, sigma_next, eta)
        else:
            sigma_down, sigma_up = get_ancestral_step(sigma, sigma_next, eta)
        d = to_d(x, sigma, denoised)
        if sigma_down == 0:
            x = x + d * (sigma_down - sigma)
        else:
            sigma_mid = sigma.log().lerp(sigma_down.log(), 0.5).exp()
            x_2 = x + d * (sigma_mid - sigma)
            d_2 = to_d(x_2, sigma_mid, model(x_2, sigma_mid * ones, **extra_args))
            x = x + d_2 * (sigma_down - sigma)
        x = scale * x + noise_sampler(sigma, sigma_next) * s_noise * sigma_up
    return x
