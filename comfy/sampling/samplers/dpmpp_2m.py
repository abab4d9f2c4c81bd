"""DPM-Solver++ with two steps of memory: as an ODE and as an SDE. One network call per step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.errors import SamplingError
from comfy.sampling.noise import BrownianTreeNoiseSampler, NoiseSampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    finite_start,
    half_log_snr,
    model_sampling_of,
    report,
)


def brownian_noise(
    x: Tensor, sigmas: Tensor, extra_args: dict[str, Any], cpu: bool = True
) -> BrownianTreeNoiseSampler:
    """The noise of a stochastic run: one Brownian path between the lowest and highest positive level."""
    positive = sigmas[sigmas > 0]
    return BrownianTreeNoiseSampler(x, positive.min(), sigmas.max(), seed=extra_args.get("seed"), cpu=cpu)


@torch.no_grad()
def sample_dpmpp_2m(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """DPM-Solver++(2M), lambda = -log sigma. Source: Lu et al. 2022, arXiv 2211.01095, algorithm 2."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    previous: Tensor | None = None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        h = sigmas[i].log() - sigmas[i + 1].log()
        d = denoised
        if previous is not None and sigmas[i + 1] > 0:
            r = (sigmas[i - 1].log() - sigmas[i].log()) / h
            d = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * previous
        x = (sigmas[i + 1] / sigmas[i]) * x - (-h).expm1() * d
        previous = denoised
    return x


@torch.no_grad()
def sample_dpmpp_2m_sde(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    solver_type: str = "midpoint",
) -> Tensor:
    """SDE-DPM-Solver++(2M) with noise scaled by `eta`; `solver_type` "midpoint" or "heun".

    Raises: SamplingError for another solver type.
    Source: Lu et al. 2022, arXiv 2211.01095, eq. 17 and 18 (section 5).
    """
    if solver_type not in ("midpoint", "heun"):
        msg = f"solver_type {solver_type!r} is not 'midpoint' or 'heun'"
        raise SamplingError(msg)
    if len(sigmas) <= 1:
        return x
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or brownian_noise(x, sigmas, extra_args)
    model_sampling = model_sampling_of(model)
    sigmas = finite_start(sigmas, model_sampling)
    ones = x.new_ones([x.shape[0]])
    previous: Tensor | None = None
    h_previous: Tensor | None = None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            return denoised
        lambda_next = half_log_snr(sigmas[i + 1], model_sampling)
        h = lambda_next - half_log_snr(sigmas[i], model_sampling)
        h_eta = h * (eta + 1)
        alpha = sigmas[i + 1] * lambda_next.exp()
        step = -(-h_eta).expm1()
        x = sigmas[i + 1] / sigmas[i] * (-h * eta).exp() * x + alpha * step * denoised
        if previous is not None and h_previous is not None:
            slope = (denoised - previous) * (h / h_previous)
            x = x + alpha * (0.5 * step if solver_type == "midpoint" else 1 - step / h_eta) * slope
        if eta > 0 and s_noise > 0:
            spread = (-(-2 * h * eta).expm1()).sqrt()
            x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * sigmas[i + 1] * spread * s_noise
        previous, h_previous = denoised, h
    return x


@torch.no_grad()
def sample_dpmpp_2m_sde_gpu(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    solver_type: str = "midpoint",
) -> Tensor:
    """`sample_dpmpp_2m_sde` with noise drawn on the latent's own device."""
    if len(sigmas) > 1:
        noise_sampler = noise_sampler or brownian_noise(x, sigmas, extra_args or {}, cpu=False)
    return sample_dpmpp_2m_sde(
        model, x, sigmas, extra_args, callback, disable, eta, s_noise, noise_sampler, solver_type
    )


def sample_dpmpp_2m_sde_heun(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    solver_type: str = "heun",
) -> Tensor:
    """`sample_dpmpp_2m_sde` with the Heun form of the second order term."""
    return sample_dpmpp_2m_sde(
        model, x, sigmas, extra_args, callback, disable, eta, s_noise, noise_sampler, solver_type
    )


def sample_dpmpp_2m_sde_heun_gpu(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    solver_type: str = "heun",
) -> Tensor:
    """`sample_dpmpp_2m_sde_heun` with noise drawn on the latent's own device."""
    return sample_dpmpp_2m_sde_gpu(
        model, x, sigmas, extra_args, callback, disable, eta, s_noise, noise_sampler, solver_type
    )
