"""SA-Solver: stochastic Adams predictor and corrector on denoised latents.

Source: Xue et al. 2023, arXiv 2309.05019, algorithm 1; tau(sigma) is how stochastic the path is at a level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

TauFunction = Callable[[Any], float]

# Noise is added between these shares of the run where the caller names none.
DEFAULT_NOISE_START, DEFAULT_NOISE_END = 0.2, 0.8


def get_tau_interval_func(start_sigma: float, end_sigma: float, eta: float = 1.0) -> TauFunction:
    """tau = eta between two levels (start above end), zero outside of them."""

    def tau(sigma: Any) -> float:
        return eta if eta > 0 and start_sigma >= float(sigma) >= end_sigma else 0.0

    return tau


def _exponential_moments(order: int, h: Tensor, rate: float) -> list[Tensor]:
    """Integrals over u from 0 to h of rate e^(-rate (h - u)) u^k, for k = 0 .. order - 1."""
    decay = -(-rate * h).expm1()
    moments = [decay]
    for k in range(1, order):
        moments.append(h**k - k / rate * moments[-1])
    return moments


def _adams_weights(
    alpha: Tensor, lambdas: Tensor, start: Tensor, end: Tensor, tau: float, simple: bool, is_corrector: bool
) -> list[Tensor]:
    """Weights of the answers at `lambdas` for the step from `start` to `end` (eq. 14 and 17).

    With `simple` order two has the closed form that keeps half of the linear term.
    """
    h = end - start
    rate = 1 + tau**2
    order = len(lambdas)
    if simple and order == 2:
        total = alpha * -(-rate * h).expm1()
        change = alpha * 0.5 * rate * h
        if is_corrector:
            return [total - change, change]
        share = change * h / (lambdas[1] - lambdas[0])
        return [-share, total + share]
    moments = torch.stack(_exponential_moments(order, h, rate)).double()
    nodes = (lambdas - start).double()
    vandermonde = torch.stack([nodes**k for k in range(order)])
    weights = torch.linalg.solve(vandermonde, moments)
    return list((alpha * weights).to(alpha.dtype))


@torch.no_grad()
def sample_sa_solver(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    tau_func: TauFunction | None = None,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    predictor_order: int = 3,
    corrector_order: int = 4,
    use_pece: bool = False,
    simple_order_2: bool = False,
) -> Tensor:
    """SA-Solver with up to `predictor_order` and `corrector_order` answers; 0 means no corrector.

    With `use_pece` the network is asked once more after each correction. A run that ends above zero gives the last
    corrected latent, without the step to its last level, as clients know it.
    """
    if len(sigmas) <= 1:
        return x
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    model_sampling = model_sampling_of(model)
    sigmas = finite_start(sigmas, model_sampling)
    lambdas = half_log_snr(sigmas, model_sampling)
    if tau_func is None:
        start, end = (
            model_sampling.percent_to_sigma(share) for share in (DEFAULT_NOISE_START, DEFAULT_NOISE_END)
        )
        tau_func = get_tau_interval_func(start, end)
    ones = x.new_ones([x.shape[0]])
    answers: list[Tensor] = []
    x_pred, tau, noise = x, 0.0, torch.zeros_like(x)

    def moved(i: int, order: int, is_corrector: bool) -> Tensor:
        """From x at level i - 1 to level i by the last `order` answers, without noise."""
        newest = i if is_corrector else i - 1
        nodes = lambdas[newest - order + 1 : newest + 1]
        alpha = sigmas[i] * lambdas[i].exp()
        weights = _adams_weights(alpha, nodes, lambdas[i - 1], lambdas[i], tau, simple_order_2, is_corrector)
        h = lambdas[i] - lambdas[i - 1]
        base = sigmas[i] / sigmas[i - 1] * (-(tau**2) * h).exp() * x
        return base + _weighted(answers[-order:], weights)

    num_steps = len(sigmas) - 1
    for i in range(num_steps):
        denoised = model(x_pred, sigmas[i] * ones, **extra_args)
        report(callback, x_pred, i, sigmas[i], denoised)
        answers = [*answers, denoised][-max(predictor_order, corrector_order) :]
        predict = min(predictor_order, len(answers))
        correct = 0
        if i > 0 and (sigmas[i + 1] > 0 or use_pece):
            correct = min(corrector_order, len(answers))
        if sigmas[-1] == 0:  # orders go down towards zero
            predict = min(predict, num_steps - 1 - i)
            correct = min(correct, num_steps - i)
        if correct == 0:
            x = x_pred
        else:
            x = moved(i, correct, is_corrector=True) + noise
            if use_pece:
                denoised = model(x, sigmas[i] * ones, **extra_args)
                answers[-1] = denoised
        if sigmas[i + 1] == 0:
            return denoised
        tau = tau_func(sigmas[i + 1])
        x_pred = moved(i + 1, predict, is_corrector=False)
        noise = torch.zeros_like(x)
        if tau > 0 and s_noise > 0:
            h = lambdas[i + 1] - lambdas[i]
            size = sigmas[i + 1] * (-(-2 * tau**2 * h).expm1()).sqrt() * s_noise
            noise = noise_sampler(sigmas[i], sigmas[i + 1]) * size
            x_pred = x_pred + noise
    return x


def _weighted(answers: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(answers[0])
    for answer, weight in zip(answers, weights, strict=True):
        total = total + weight * answer
    return total


def sample_sa_solver_pece(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    tau_func: TauFunction | None = None,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    predictor_order: int = 3,
    corrector_order: int = 4,
    simple_order_2: bool = False,
) -> Tensor:
    """`sample_sa_solver` that asks the network once more after each correction."""
    return sample_sa_solver(
        model,
        x,
        sigmas,
        extra_args,
        callback,
        disable,
        tau_func,
        s_noise,
        noise_sampler,
        predictor_order,
        corrector_order,
        use_pece=True,
        simple_order_2=simple_order_2,
    )
