"""The original ancestral sampler, and the one of consistency models. One network call per step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.sampling.noise import NoiseSampler, default_noise_sampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    model_sampling_of,
    report,
    to_d,
)


@torch.no_grad()
def sample_ddpm(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """Ancestral steps of the variance preserving chain. Source: Ho et al. 2020, arXiv 2006.11239, algorithm 2."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    for i in range(len(sigmas) - 1):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, sigma * ones, **extra_args)
        report(callback, x, i, sigma, denoised)
        eps = to_d(x, sigma, denoised)
        alpha_bar, alpha_bar_next = 1 / (sigma**2 + 1), 1 / (sigma_next**2 + 1)
        alpha = alpha_bar / alpha_bar_next
        mean = (x * alpha_bar.sqrt() - (1 - alpha) * eps / (1 - alpha_bar).sqrt()) / alpha.sqrt()
        if sigma_next > 0:
            variance = (1 - alpha) * (1 - alpha_bar_next) / (1 - alpha_bar)
            mean = mean + variance.sqrt() * noise_sampler(sigma, sigma_next)
        x = mean / alpha_bar_next.sqrt()
    return x


@torch.no_grad()
def sample_lcm(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """The denoised latent, noised again to the next level. Source: Song et al. 2023, arXiv 2303.01469, algorithm 1."""
    model_sampling = model_sampling_of(model)
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        x = denoised
        if sigmas[i + 1] > 0:
            noise = noise_sampler(sigmas[i], sigmas[i + 1])
            x = model_sampling.noise_scaling(sigmas[i + 1], noise, x)
    return x
