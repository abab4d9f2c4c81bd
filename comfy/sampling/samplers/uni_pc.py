"""UniPC: a multistep predictor whose network call is used again to correct the step before.

Source: Zhao et al. 2023, arXiv 2302.04867, algorithms 5 to 8 (data prediction). It works on the variance preserving
latent x / sqrt(1 + sigma^2), where alpha = 1 / sqrt(1 + sigma^2) and lambda = -log sigma.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.sampling.samplers.base import Denoiser, SamplerCallback, report

# Zero has no lambda; a run to zero ends here and takes the latent as clean.
LAST_SIGMA = 0.001

MAX_ORDER = 3


def _weights(ratios: Tensor, h: Tensor, b_h: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """The matrix R and the vector b of the order conditions (theorem 3.1); `ratios` end with 1."""
    rows, targets = [], []
    hh = -h
    phi = torch.expm1(hh) / hh - 1
    factorial = 1
    for k in range(1, order + 1):
        rows.append(ratios ** (k - 1))
        targets.append(phi * factorial / b_h)
        factorial *= k + 1
        phi = phi / hh - 1 / factorial
    return torch.stack(rows), torch.stack(targets)


class _MultistepUniPC:
    """One run: remembered answers and the step between two levels."""

    def __init__(self, model: Denoiser, x: Tensor, extra_args: dict[str, Any], variant: str) -> None:
        self.model = model
        self.extra_args = extra_args
        self.ones = x.new_ones([x.shape[0]])
        self.variant = variant
        self.sigmas: list[Tensor] = []
        self.answers: list[Tensor] = []

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The denoised latent for a variance preserving one."""
        return self.model(x * (1 + sigma**2).sqrt(), sigma * self.ones, **self.extra_args)

    def remember(self, sigma: Tensor, answer: Tensor) -> None:
        """Keeps the last answers, as many as the highest order uses."""
        self.sigmas = [*self.sigmas, sigma][-MAX_ORDER:]
        self.answers = [*self.answers, answer][-MAX_ORDER:]

    def step(self, x: Tensor, sigma: Tensor, order: int, correct: bool) -> tuple[Tensor, Tensor | None]:
        """The latent at the next level by the predictor, then corrected with the network's answer there."""
        last_sigma, last = self.sigmas[-1], self.answers[-1]
        lambda_last = -last_sigma.log()
        h = -sigma.log() - lambda_last
        older = range(2, order + 1)
        ratios = [(-self.sigmas[-k].log() - lambda_last) / h for k in older]
        slopes = [(self.answers[-k] - last) / r for k, r in zip(older, ratios, strict=True)]
        phi_1 = torch.expm1(-h)
        b_h = -h if self.variant == "bh1" else phi_1
        matrix, target = _weights(torch.stack([*ratios, torch.ones_like(h)]), h, b_h, order)

        alpha = (1 + sigma**2).rsqrt()
        spread = sigma * alpha
        last_spread = last_sigma * (1 + last_sigma**2).rsqrt()
        base = spread / last_spread * x - alpha * phi_1 * last

        predicted = base
        if slopes:
            # The paper's choice for order two is the solution for even steps.
            even = [torch.full_like(h, 0.5)]
            rhos = even if order == 2 else list(torch.linalg.solve(matrix[:-1, :-1], target[:-1]))
            predicted = base - alpha * b_h * sum(rho * d for rho, d in zip(rhos, slopes, strict=True))
        if not correct:
            return predicted, None

        answer = self.denoise(predicted, sigma)
        rhos = [torch.full_like(h, 0.5)] if order == 1 else list(torch.linalg.solve(matrix, target))
        change = sum((rho * d for rho, d in zip(rhos, slopes, strict=False)), torch.zeros_like(x))
        change = change + rhos[-1] * (answer - last)
        return base - alpha * b_h * change, answer


@torch.no_grad()
def sample_uni_pc(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    variant: str = "bh1",
) -> Tensor:
    """UniPC of order three with B(h) = h ("bh1") or e^h - 1 ("bh2"); the last steps go down in order.

    Writes the level at which the run really ended to `sigmas[-1]`: the caller undoes the scaling of that level.
    """
    levels = sigmas
    if levels[-1] == 0:
        levels[-1] = LAST_SIGMA
    num_steps = len(levels) - 1
    max_order = min(MAX_ORDER, num_steps - 1)
    run = _MultistepUniPC(model, x, extra_args or {}, variant)
    x = x / (1 + levels[0] ** 2).sqrt()
    answer: Tensor | None = run.denoise(x, levels[0])
    for i in range(num_steps):
        assert answer is not None, "only the last step has none"
        run.remember(levels[i], answer)
        report(callback, x, i, levels[i], answer)
        order = min(i + 1, max_order, num_steps - i)
        if order == 0:
            break  # a run of one step has no order left to take it with: the noise stays, as clients know it
        x, answer = run.step(x, levels[i + 1], order, correct=i + 1 < num_steps)
    return x * (1 + levels[-1] ** 2).sqrt()


def sample_uni_pc_bh2(
    model: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
) -> Tensor:
    """`sample_uni_pc` with B(h) = e^h - 1."""
    return sample_uni_pc(model, x, sigmas, extra_args, callback, disable, variant="bh2")
