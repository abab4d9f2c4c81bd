"""Euler's method, plain and ancestral."""

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


def churned(
    x: Tensor, sigma: Tensor, num_steps: int, s_churn: float, s_tmin: float, s_tmax: float, s_noise: float
) -> tuple[Tensor, Tensor]:
    """The latent with noise added, and its higher level. Source: arXiv 2206.00364, algorithm 2, lines 4 to 6."""
    if s_churn <= 0 or not s_tmin <= sigma <= s_tmax:
        return x, sigma
    gamma = min(s_churn / num_steps, 2**0.5 - 1)
    sigma_hat = sigma * (gamma + 1)
    noise = torch.randn_like(x) * s_noise
    return x + noise * (sigma_hat**2 - sigma**2) ** 0.5, sigma_hat


@torch.no_grad()
def sample_euler(
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
    """First order steps of the probability flow. Source: arXiv 2206.00364, algorithm 2 without lines 9 to 11."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        x, sigma_hat = churned(x, sigmas[i], len(sigmas) - 1, s_churn, s_tmin, s_tmax, s_noise)
        denoised = model(x, sigma_hat * ones, **extra_args)
        d = to_d(x, sigma_hat, denoised)
        report(callback, x, i, sigmas[i], denoised, sigma_hat)
        x = x + d * (sigmas[i + 1] - sigma_hat)
    return x


@torch.no_grad()
def sample_euler_ancestral(
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
    """Euler steps to a lower level than asked for, and noise back up to it; `eta` scales that noise."""
    if is_flow(model_sampling_of(model)):
        return sample_euler_ancestral_RF(
            model, x, sigmas, extra_args, callback, disable, eta, s_noise, noise_sampler
        )
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        sigma_down, sigma_up = get_ancestral_step(sigmas[i], sigmas[i + 1], eta=eta)
        report(callback, x, i, sigmas[i], denoised)
        if sigma_down == 0:
            x = denoised
            continue
        x = x + to_d(x, sigmas[i], denoised) * (sigma_down - sigmas[i])
        x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * s_noise * sigma_up
    return x


@torch.no_grad()
def sample_euler_ancestral_RF(
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
    """Euler steps with fresh noise on the straight line of flow models; `eta` scales that noise."""
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, sigma * ones, **extra_args)
        report(callback, x, i, sigma, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        sigma_down, scale, renoise = get_ancestral_step_flow(sigma, sigma_next, eta)
        ratio = sigma_down / sigma
        x = ratio * x + (1 - ratio) * denoised
        if eta > 0:
            x = scale * x + noise_sampler(sigma, sigma_next) * s_noise * renoise
    return x
