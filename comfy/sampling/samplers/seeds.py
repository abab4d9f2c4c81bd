"""SEEDS: exponential stochastic Runge-Kutta steps of two and three stages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from comfy.sampling.noise import NoiseSampler, default_noise_sampler
from comfy.sampling.samplers.base import (
    Denoiser,
    SamplerCallback,
    finite_start,
    half_log_snr,
    half_log_snr_to_sigma,
    model_sampling_of,
    report,
)


class _Stages:
    """One step: levels at shares of it in lambda, the noise between them, and moves from the step's start."""

    def __init__(
        self,
        x: Tensor,
        sigma: Tensor,
        sigma_next: Tensor,
        shares: Sequence[float],
        eta: float,
        model_sampling: Any,
    ) -> None:
        self.x, self.sigma, self.eta = x, sigma, eta
        lambda_from = half_log_snr(sigma, model_sampling)
        lambda_to = half_log_snr(sigma_next, model_sampling)
        self.h = lambda_to - lambda_from
        self.shares = [*shares, 1.0]
        lambdas = [torch.lerp(lambda_from, lambda_to, share) for share in shares]
        self.sigmas = [*(half_log_snr_to_sigma(value, model_sampling) for value in lambdas), sigma_next]
        self.alphas = [s * v.exp() for s, v in zip(self.sigmas, [*lambdas, lambda_to], strict=True)]

    def decay(self, share: float) -> Tensor:
        """e^(-share h (1 + eta)) - 1, the weight of the denoised latent."""
        return torch.expm1(-share * self.h * (self.eta + 1))

    def draw(self, noise_sampler: NoiseSampler) -> None:
        """Unit noise and its size for each stage."""
        levels = [self.sigma, *self.sigmas]
        self.noises = [noise_sampler(a, b) for a, b in pairwise(levels)]
        kept = [torch.expm1(-2 * share * self.h * self.eta) for share in (0.0, *self.shares)]
        self.sizes = [(a - b).sqrt() for a, b in pairwise(kept)]

    def move(self, stage: int, data: Tensor) -> Tensor:
        """From the start to a stage with constant data, without noise."""
        share = self.shares[stage]
        ratio = self.sigmas[stage] / self.sigma * (-share * self.h * self.eta).exp()
        return ratio * self.x - self.alphas[stage] * self.decay(share) * data

    def noise(self, stage: int) -> Tensor:
        """All noise up to a stage: older noise has decayed, so sizes run backwards."""
        total = sum(size * noise for size, noise in zip(self.sizes[stage::-1], self.noises, strict=False))
        return self.sigmas[stage] * total


@torch.no_grad()
def sample_seeds_2(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    r: float = 0.5,
) -> Tensor:
    """SEEDS-2, two network calls per step. Source: Gonzalez et al. 2023, arXiv 2305.14267, algorithm 2."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    model_sampling = model_sampling_of(model)
    sigmas = finite_start(sigmas, model_sampling)
    noisy = eta > 0 and s_noise > 0
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            return denoised
        step = _Stages(x, sigmas[i], sigmas[i + 1], [r], eta, model_sampling)
        x_2 = step.move(0, denoised)
        if noisy:
            step.draw(noise_sampler)
            x_2 = x_2 + step.noise(0) * s_noise
        denoised_2 = model(x_2, step.sigmas[0] * ones, **extra_args)
        x = step.move(1, torch.lerp(denoised, denoised_2, 1 / (2 * r)))
        if noisy:
            x = x + step.noise(1) * s_noise
    return x


@torch.no_grad()
def sample_seeds_3(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    r_1: float = 1.0 / 3,
    r_2: float = 2.0 / 3,
) -> Tensor:
    """SEEDS-3, three network calls per step. Source: Gonzalez et al. 2023, arXiv 2305.14267, algorithm 3."""
    extra_args = extra_args or {}
    ones = x.new_ones([x.shape[0]])
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    model_sampling = model_sampling_of(model)
    sigmas = finite_start(sigmas, model_sampling)
    noisy = eta > 0 and s_noise > 0
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **extra_args)
        report(callback, x, i, sigmas[i], denoised)
        if sigmas[i + 1] == 0:
            return denoised
        step = _Stages(x, sigmas[i], sigmas[i + 1], [r_1, r_2], eta, model_sampling)
        h_eta = step.h * (eta + 1)
        x_2 = step.move(0, denoised)
        if noisy:
            step.draw(noise_sampler)
            x_2 = x_2 + step.noise(0) * s_noise
        slope_2 = model(x_2, step.sigmas[0] * ones, **extra_args) - denoised
        x_3 = step.move(1, denoised)
        x_3 = x_3 + (r_2 / r_1) * step.alphas[1] * (step.decay(r_2) / (r_2 * h_eta) + 1) * slope_2
        if noisy:
            x_3 = x_3 + step.noise(1) * s_noise
        slope_3 = model(x_3, step.sigmas[1] * ones, **extra_args) - denoised
        x = step.move(2, denoised) + step.alphas[2] / r_2 * (step.decay(1.0) / h_eta + 1) * slope_3
        if noisy:
            x = x + step.noise(2) * s_noise
    return x
