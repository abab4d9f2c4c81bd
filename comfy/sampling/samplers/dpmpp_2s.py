"""DPM-Solver++(2S), ancestral: two network calls per step."""

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
    half_log_snr,
    half_log_snr_to_sigma,
    is_flow,
    model_sampling_of,
    report,
    with_uncond,
)

# The level between flow time 1 and the next one: half of an infinite lambda has no other answer.
JUST_BELOW_NOISE = 0.9999


@torch.no_grad()
def sample_dpmpp_2s_ancestral(
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
    """DPM-Solver++(2S) to a lower level than asked for, and noise back up to it.

    Source: Lu et al. 2022, arXiv 2211.01095, algorithm 1 with r = 1/2.
    """
    model_sampling = model_sampling_of(model)
    flow = is_flow(model_sampling)
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    for i in range(len(sigmas) - 1):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, sigma * ones, **extra_args)
        report(callback, x, i, sigma, denoised)
        if sigma_next == 0:
            x = denoised
            continue
        if flow:
            sigma_down, scale, sigma_up = get_ancestral_step_flow(sigma, sigma_next, eta)
        else:
            sigma_down, sigma_up = get_ancestral_step(sigma, sigma_next, eta)
        if sigma_down == 0:
            x = denoised
        else:
            lambdas = half_log_snr(torch.stack([sigma, sigma_down]), model_sampling)
            sigma_mid = half_log_snr_to_sigma(lambdas.mean(), model_sampling)
            if flow and sigma == 1:
                sigma_mid = sigma.new_tensor(JUST_BELOW_NOISE)
            alpha, alpha_mid, alpha_down = (1 - s if flow else 1.0 for s in (sigma, sigma_mid, sigma_down))
            ratio = sigma_mid / sigma
            x_2 = ratio * x + (alpha_mid - ratio * alpha) * denoised
            denoised_2 = model(x_2, sigma_mid * ones, **extra_args)
            ratio = sigma_down / sigma
            x = ratio * x + (alpha_down - ratio * alpha) * denoised_2
        if flow and eta > 0:
            x = scale * x
        if eta > 0 or not flow:
            x = x + noise_sampler(sigma, sigma_next) * s_noise * sigma_up
    return x


@torch.no_grad()
def sample_dpmpp_2s_ancestral_cfg_pp(
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
    """DPM-Solver++(2S) ancestral with CFG++: the way on starts from the negative side's noise.

    Source: Chung et al. 2024, arXiv 2406.08070, section 3, joined with arXiv 2211.01095, algorithm 1.
    """
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    extra_args, kept = with_uncond(extra_args)
    for i in range(len(sigmas) - 1):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, sigma * ones, **extra_args)
        sigma_down, sigma_up = get_ancestral_step(sigma, sigma_next, eta)
        report(callback, x, i, sigma, denoised)
        if sigma_down == 0:
            x = denoised
        else:
            ratio = (sigma_down / sigma) ** 0.5
            x_2 = ratio * (x + denoised - kept[0]) + (1 - ratio) * denoised
            denoised_2 = model(x_2, (sigma * ratio) * ones, **extra_args)
            ratio = sigma_down / sigma
            # kept[0] is now the negative side at the middle.
            x = ratio * (x + denoised - kept[0]) + (1 - ratio) * denoised_2
        if sigma_next > 0:
            x = x + noise_sampler(sigma, sigma_next) * s_noise * sigma_up
    return x
