"""DPM-Solver++ as an SDE: the two-call single step and the three-step memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.sampling.noise import NoiseSampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    finite_start,
    get_ancestral_step,
    half_log_snr,
    half_log_snr_to_sigma,
    model_sampling_of,
    report,
)
from comfy.sampling.samplers.dpmpp_2m import brownian_noise


@torch.no_grad()
def sample_dpmpp_sde(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    r: float = 1 / 2,
) -> Tensor:
    """DPM-Solver++ (stochastic), two network calls per step, the second at share `r` of the step in lambda.

    Source: Lu et al. 2022, arXiv 2211.01095, section 5; noise as in arXiv 2010.02502, eq. 16.
    """
    if len(sigmas) <= 1:
        return x
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or brownian_noise(x, sigmas, extra_args)
    model_sampling = model_sampling_of(model)
    sigmas = finite_start(sigmas, model_sampling)
    ones = x.new_ones([x.shape[0]])

    def towards(lambda_to: Tensor, data: Tensor) -> tuple[Tensor, Tensor]:
        """From x at the step's start to a level, with its noise; also that level."""
        sigma_to = half_log_snr_to_sigma(lambda_to, model_sampling)
        alpha_to = sigma_to * lambda_to.exp()
        down, up = get_ancestral_step(lambda_from.neg().exp(), lambda_to.neg().exp(), eta)
        h = -down.log() - lambda_from
        moved = (alpha_to / alpha_from) * (-h).exp() * x - alpha_to * (-h).expm1() * data
        if eta > 0 and s_noise > 0:
            moved = moved + alpha_to * noise_sampler(sigma_from, sigma_to) * s_noise * up
        return moved, sigma_to

    for i in range(len(sigmas) - 1):
        sigma_from = sigmas[i]
        denoised = model(x, sigma_from * ones, **extra_args)
        report(callback, x, i, sigma_from, denoised)
        if sigmas[i + 1] == 0:
            return denoised
        lambda_from = half_log_snr(sigma_from, model_sampling)
        alpha_from = sigma_from * lambda_from.exp()
        lambda_next = half_log_snr(sigmas[i + 1], model_sampling)
        x_2, sigma_mid = towards(lambda_from + r * (lambda_next - lambda_from), denoised)
        denoised_2 = model(x_2, sigma_mid * ones, **extra_args)
        x, _ = towards(lambda_next, torch.lerp(denoised, denoised_2, 1 / (2 * r)))
    return x


@torch.no_grad()
def sample_dpmpp_sde_gpu(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    r: float = 1 / 2,
) -> Tensor:
    """`sample_dpmpp_sde` with noise drawn on the latent's own device."""
    if len(sigmas) > 1:
        noise_sampler = noise_sampler or brownian_noise(x, sigmas, extra_args or {}, cpu=False)
    return sample_dpmpp_sde(model, x, sigmas, extra_args, callback, disable, eta, s_noise, noise_sampler, r)


@torch.no_grad()
def sample_dpmpp_3m_sde(
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
    """SDE-DPM-Solver++ with three steps of memory, one network call per step.

    Source: Lu et al. 2022, arXiv 2211.01095, section 5, with the third order differences of arXiv 2206.00927,
    appendix B.3.
    """
    if len(sigmas) <= 1:
        return x
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or brownian_noise(x, sigmas, extra_args)
    model_sampling = model_sampling_of(model)
    sigmas = finite_start(sigmas, model_sampling)
    ones = x.new_ones([x.shape[0]])
    answers: list[Tensor] = []
    steps: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            return denoised
        lambda_next = half_log_snr(sigmas[i + 1], model_sampling)
        h = lambda_next - half_log_snr(sigmas[i], model_sampling)
        h_eta = h * (eta + 1)
        alpha = sigmas[i + 1] * lambda_next.exp()
        x = sigmas[i + 1] / sigmas[i] * (-h * eta).exp() * x - alpha * (-h_eta).expm1() * denoised
        phi_2 = (-h_eta).expm1() / h_eta + 1
        if len(answers) == 1:
            x = x + alpha * phi_2 * (denoised - answers[0]) * (h / steps[0])
        elif len(answers) == 2:
            r_0, r_1 = steps[0] / h, steps[1] / h
            d_0, d_1 = (denoised - answers[0]) / r_0, (answers[0] - answers[1]) / r_1
            slope = d_0 + (d_0 - d_1) * r_0 / (r_0 + r_1)
            curve = (d_0 - d_1) / (r_0 + r_1)
            x = x + alpha * phi_2 * slope - alpha * (phi_2 / h_eta - 0.5) * curve
        if eta > 0 and s_noise > 0:
            spread = (-(-2 * h * eta).expm1()).sqrt()
            x = x + noise_sampler(sigmas[i], sigmas[i + 1]) * sigmas[i + 1] * spread * s_noise
        answers, steps = [denoised, *answers][:2], [h, *steps][:2]
    return x


@torch.no_grad()
def sample_dpmpp_3m_sde_gpu(
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
    """`sample_dpmpp_3m_sde` with noise drawn on the latent's own device."""
    if len(sigmas) > 1:
        noise_sampler = noise_sampler or brownian_noise(x, sigmas, extra_args or {}, cpu=False)
    return sample_dpmpp_3m_sde(model, x, sigmas, extra_args, callback, disable, eta, s_noise, noise_sampler)
