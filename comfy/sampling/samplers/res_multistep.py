"""RES: second order exponential multistep on denoised latents, plain, ancestral and with CFG++. One call per step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.sampling.noise import NoiseSampler, default_noise_sampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    get_ancestral_step,
    report,
    to_d,
    with_uncond,
)


def _phi_2(z: Tensor) -> Tensor:
    """(phi_1(z) - 1) / z with phi_1(z) = (e^z - 1) / z."""
    return (torch.expm1(z) / z - 1.0) / z


@torch.no_grad()
def _res_multistep(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None,
    callback: SamplerCallback | None,
    s_noise: float,
    noise_sampler: NoiseSampler | None,
    eta: float,
    cfg_pp: bool,
) -> Tensor:
    """Source: Zhang et al. 2023, arXiv 2308.02157, algorithm 2, with lambda = -log sigma."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    kept: list[Tensor] = []
    if cfg_pp:
        extra_args, kept = with_uncond(extra_args)
    previous: Tensor | None = None
    previous_down = sigmas[0]
    for i in range(len(sigmas) - 1):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, sigma * ones, **extra_args)
        sigma_down, sigma_up = get_ancestral_step(sigma, sigma_next, eta)
        report(callback, x, i, sigma, denoised)
        data = kept[0] if cfg_pp else denoised
        if sigma_down == 0 or previous is None:
            d = to_d(x, sigma, data)
            x = denoised + d * sigma_down if cfg_pp else x + d * (sigma_down - sigma)
        else:
            h = sigma.log() - sigma_down.log()
            c_2 = (previous_down.log() - sigmas[i - 1].log()) / h
            weight = (_phi_2(-h) / c_2).nan_to_num(nan=0.0)
            phi_1 = torch.expm1(-h) / -h
            if cfg_pp:
                x = x + (denoised - data)
            x = (-h).exp() * x + h * ((phi_1 - weight) * data + weight * previous)
        if sigma_next > 0 and eta > 0:
            x = x + noise_sampler(sigma, sigma_next) * s_noise * sigma_up
        previous = data
        previous_down = sigma_down
    return x


def sample_res_multistep(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """RES steps without noise."""
    return _res_multistep(model, x, sigmas, extra_args, callback, s_noise, noise_sampler, 0.0, False)


def sample_res_multistep_cfg_pp(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """RES steps without noise, with CFG++."""
    return _res_multistep(model, x, sigmas, extra_args, callback, s_noise, noise_sampler, 0.0, True)


def sample_res_multistep_ancestral(
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
    """RES steps to a lower level than asked for, and noise back up to it."""
    return _res_multistep(model, x, sigmas, extra_args, callback, s_noise, noise_sampler, eta, False)


def sample_res_multistep_ancestral_cfg_pp(
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
    """The ancestral form with CFG++."""
    return _res_multistep(model, x, sigmas, extra_args, callback, s_noise, noise_sampler, eta, True)
