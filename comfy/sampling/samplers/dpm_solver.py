"""DPM-Solver with single steps of order one to three: a fixed number of network calls, or a chosen tolerance.

Source: Lu et al. 2022, arXiv 2206.00927: eq. 4.1 to algorithm 2 (steps), section 3.4 (fast), appendix C (adaptive).
t is lambda = -log sigma throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from comfy.errors import SamplingError
from comfy.sampling.noise import NoiseSampler, default_noise_sampler
from comfy.sampling.samplers.base import Denoiser, SamplerCallback, get_ancestral_step, report

# A run ends when it is this close to its last t.
T_TOLERANCE = 1e-5


class _Steps:
    """Steps of order one to three from t to t_next; answers at the step's start are shared between orders."""

    def __init__(self, model: Denoiser, x: Tensor, extra_args: dict[str, Any]) -> None:
        self.model, self.extra_args = model, extra_args
        self.ones = x.new_ones([x.shape[0]])

    def eps(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise in x at t."""
        sigma = t.neg().exp()
        return (x - self.model(x, sigma * self.ones, **self.extra_args)) / sigma

    def first(self, x: Tensor, t: Tensor, t_next: Tensor, eps: Tensor) -> Tensor:
        """Order one: DDIM."""
        h = t_next - t
        return x - t_next.neg().exp() * h.expm1() * eps

    def middle(self, x: Tensor, t: Tensor, h: Tensor, share: float, eps: Tensor) -> Tensor:
        """The noise at a share of the step, reached by order one."""
        t_mid = t + share * h
        return self.eps(x - t_mid.neg().exp() * (share * h).expm1() * eps, t_mid)

    def second(
        self,
        x: Tensor,
        t: Tensor,
        t_next: Tensor,
        eps: Tensor,
        share: float = 1 / 2,
        eps_mid: Tensor | None = None,
    ) -> Tensor:
        """Order two."""
        h = t_next - t
        if eps_mid is None:
            eps_mid = self.middle(x, t, h, share, eps)
        sigma = t_next.neg().exp()
        return x - sigma * h.expm1() * eps - sigma / (2 * share) * h.expm1() * (eps_mid - eps)

    def third(
        self, x: Tensor, t: Tensor, t_next: Tensor, eps: Tensor, eps_mid: Tensor | None = None
    ) -> Tensor:
        """Order three, by way of one and two thirds of the step."""
        r_1, r_2 = 1 / 3, 2 / 3
        h = t_next - t
        if eps_mid is None:
            eps_mid = self.middle(x, t, h, r_1, eps)
        t_2 = t + r_2 * h
        sigma_2 = t_2.neg().exp()
        slope = (r_2 / r_1) * ((r_2 * h).expm1() / (r_2 * h) - 1) * (eps_mid - eps)
        eps_2 = self.eps(x - sigma_2 * (r_2 * h).expm1() * eps - sigma_2 * slope, t_2)
        sigma = t_next.neg().exp()
        return x - sigma * h.expm1() * eps - sigma / r_2 * (h.expm1() / h - 1) * (eps_2 - eps)


def _ancestral_end(t: Tensor, t_next: Tensor, t_end: Tensor, eta: float) -> tuple[Tensor, Any]:
    """Where a step with noise goes down to, and the noise back up to t_next."""
    if not eta:
        return t_next, 0.0
    sigma_down, _ = get_ancestral_step(t.neg().exp(), t_next.neg().exp(), eta)
    t_down = torch.minimum(t_end, -sigma_down.log())
    spread = (t_next.neg().exp() ** 2 - t_down.neg().exp() ** 2) ** 0.5
    return t_down, spread


@torch.no_grad()
def sample_dpm_fast(
    model: Denoiser,
    x: Tensor,
    sigma_min: Any,
    sigma_max: Any,
    n: int,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    eta: float = 0.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """DPM-Solver-fast with `n` network calls, in steps that are even in log-sigma.

    Raises: SamplingError unless both levels are positive.
    """
    if sigma_min <= 0 or sigma_max <= 0:
        msg = f"dpm_fast needs positive levels, got {float(sigma_min)} and {float(sigma_max)}"
        raise SamplingError(msg)
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    steps = _Steps(model, x, extra_args)
    t_start, t_end = (-torch.as_tensor(sigma).log() for sigma in (sigma_max, sigma_min))
    m = n // 3 + 1
    times = torch.linspace(float(t_start), float(t_end), m + 1, device=x.device)
    orders = [3] * (m - 2) + [2, 1] if n % 3 == 0 else [3] * (m - 1) + [n % 3]
    for i, order in enumerate(orders):
        t, t_next = times[i], times[i + 1]
        t_down, spread = _ancestral_end(t, t_next, times[-1], eta)
        eps = steps.eps(x, t)
        sigma = t.neg().exp()
        report(callback, x, i, sigma, x - sigma * eps)
        x = (steps.first, steps.second, steps.third)[order - 1](x, t, t_down, eps)
        if eta:
            x = x + spread * s_noise * noise_sampler(sigma, t_next.neg().exp())
    return x


@dataclass
class _StepSize:
    """A PID controller of the step. Source: Soderlind 2003, "Digital filters in adaptive time-stepping", section 4."""

    h: float
    pcoeff: float
    icoeff: float
    dcoeff: float
    order: float
    accept_safety: float

    def __post_init__(self) -> None:
        self.exponents = (
            (self.pcoeff + self.icoeff + self.dcoeff) / self.order,
            -(self.pcoeff + 2 * self.dcoeff) / self.order,
            self.dcoeff / self.order,
        )
        self.inverse_errors: list[float] = []

    def accepts(self, error: float) -> bool:
        """Whether a step of this error is taken; the next step's size either way."""
        inverse = 1 / (error + 1e-8)
        if not self.inverse_errors:
            self.inverse_errors = [inverse] * 3
        self.inverse_errors[0] = inverse
        factor = math.prod(e**b for e, b in zip(self.inverse_errors, self.exponents, strict=True))
        factor = 1 + math.atan(factor - 1)
        accepted = factor >= self.accept_safety
        if accepted:
            self.inverse_errors[1:] = self.inverse_errors[:2]
        self.h *= factor
        return accepted


@torch.no_grad()
def sample_dpm_adaptive(
    model: Denoiser,
    x: Tensor,
    sigma_min: Any,
    sigma_max: Any,
    extra_args: dict[str, Any] | None = None,
    callback: SamplerCallback | None = None,
    disable: bool | None = None,
    order: int = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    h_init: float = 0.05,
    pcoeff: float = 0.0,
    icoeff: float = 1.0,
    dcoeff: float = 0.0,
    accept_safety: float = 0.81,
    eta: float = 0.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
    return_info: bool = False,
) -> Any:
    """DPM-Solver-12 or -23 with steps as large as the tolerances allow; the number of steps is its own.

    With `return_info` a pair: the latent, and a dict with steps, nfe, n_accept, n_reject.
    Raises: SamplingError unless both levels are positive and order is 2 or 3.
    """
    if sigma_min <= 0 or sigma_max <= 0 or order not in (2, 3):
        msg = f"dpm_adaptive needs positive levels and order 2 or 3, got {sigma_min}, {sigma_max}, {order}"
        raise SamplingError(msg)
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or default_noise_sampler(x, seed=extra_args.get("seed"))
    steps = _Steps(model, x, extra_args)
    t, t_end = (-torch.as_tensor(sigma, device=x.device).log() for sigma in (sigma_max, sigma_min))
    size = _StepSize(h_init, pcoeff, icoeff, dcoeff, 1.5 if eta else order, accept_safety)
    counts = {"steps": 0, "nfe": 0, "n_accept": 0, "n_reject": 0}
    x_prev = x
    while t < t_end - T_TOLERANCE:
        t_next = torch.minimum(t_end, t + size.h)
        t_down, spread = _ancestral_end(t, t_next, t_end, eta)
        eps = steps.eps(x, t)
        sigma = t.neg().exp()
        denoised = x - sigma * eps
        if order == 2:
            x_low = steps.first(x, t, t_down, eps)
            x_high = steps.second(x, t, t_down, eps)
        else:
            eps_mid = steps.middle(x, t, t_down - t, 1 / 3, eps)
            x_low = steps.second(x, t, t_down, eps, share=1 / 3, eps_mid=eps_mid)
            x_high = steps.third(x, t, t_down, eps, eps_mid=eps_mid)
        allowed = torch.clamp(rtol * torch.maximum(x_low.abs(), x_prev.abs()), min=atol)
        error = float(torch.linalg.norm((x_low - x_high) / allowed)) / x.numel() ** 0.5
        if size.accepts(error):
            x_prev = x_low
            x = x_high
            if eta:
                x = x + spread * s_noise * noise_sampler(sigma, t_next.neg().exp())
            t = t_next
            counts["n_accept"] += 1
        else:
            counts["n_reject"] += 1
        counts["nfe"] += order
        counts["steps"] += 1
        report(callback, x, counts["steps"] - 1, sigma, denoised)
    return (x, counts) if return_info else x
