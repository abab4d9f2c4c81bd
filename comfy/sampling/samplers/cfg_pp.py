"""CFG++: the denoised latent is guided, the noise to go on with is the negative side's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.sampling.noise import NoiseSampler, default_noise_sampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    get_ancestral_step,
    half_log_snr,
    model_sampling_of,
    report,
    to_d,
    with_uncond,
)


@torch.no_grad()
def sample_euler_ancestral_cfg_pp(
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
    """Ancestral Euler steps with CFG++. Source: Chung et al. 2024, arXiv 2406.08070, algorithm 2."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    model_sampling = model_sampling_of(model)
    extra_args, kept = with_uncond(extra_args)
    for i in range(len(sigmas) - 1):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, sigma * ones, **extra_args)
        report(callback, x, i, sigma, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        alpha = sigma * half_log_snr(sigma, model_sampling).exp()
        alpha_next = sigma_next * half_log_snr(sigma_next, model_sampling).exp()
        d = to_d(x, sigma, alpha * kept[0])
        # From flow time 1 (an infinite level) every eta > 0 makes all noise new: the step's size has no limit there.
        down, up = get_ancestral_step(sigma / alpha, sigma_next / alpha_next, eta)
        x = alpha_next * denoised + alpha_next * down * d
        if eta > 0 and s_noise > 0:
            x = x + alpha_next * noise_sampler(sigma, sigma_next) * s_noise * up
    return x


def sample_euler_cfg_pp(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """Euler steps with CFG++."""
    return sample_euler_ancestral_cfg_pp(
        model, x, sigmas, extra_args, callback, disable, eta=0.0, s_noise=0.0
    )


@torch.no_grad()
def sample_dpmpp_2m_cfg_pp(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """DPM-Solver++(2M) with CFG++: the slope is measured against the negative side's last answer."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    extra_args, kept = with_uncond(extra_args)
    previous: Tensor | None = None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        uncond = kept[0]
        ratio = sigmas[i + 1] / sigmas[i]
        moved = denoised + ratio * (x - uncond)
        if previous is not None and sigmas[i + 1] > 0:
            r = (sigmas[i - 1] / sigmas[i]).log() / (sigmas[i] / sigmas[i + 1]).log()
            moved = moved + (1 - ratio) / (2 * r) * (denoised - previous)
        x = moved
        previous = uncond
    return x
