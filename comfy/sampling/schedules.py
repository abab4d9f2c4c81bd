"""Schedules: which noise levels a sampling run visits, largest first, closed by zero.

Pure functions of a parameterization (`model_sampling`) or of two bounds. Names as users know them stand in
`registry`. All results: 1-dim float32 on the CPU.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from comfy.errors import SamplingError
from comfy.sampling.parameterization import ModelSampling


def append_zero(sigmas: Tensor) -> Tensor:
    """The list with the closing zero."""
    return torch.cat([sigmas, sigmas.new_zeros([1])])


def _check_bounds(n: int, sigma_min: float, sigma_max: float) -> None:
    if n < 1 or not 0 < sigma_min <= sigma_max:
        msg = f"schedule needs n >= 1 and 0 < sigma_min <= sigma_max, got n {n}, {sigma_min}, {sigma_max}"
        raise SamplingError(msg)


def karras_sigmas(
    n: int, sigma_min: float, sigma_max: float, rho: float = 7.0, device: torch.device | str = "cpu"
) -> Tensor:
    """Levels evenly spaced in sigma ** (1 / rho), largest first, closed by zero.

    Shape: (n + 1,), float32. Units: standard deviation of the noise, in the latent's own scale.
    Raises: SamplingError unless n >= 1 and 0 < sigma_min <= sigma_max.
    Source: Karras et al. 2022, arXiv 2206.00364, eq. 5.
    """
    _check_bounds(n, sigma_min, sigma_max)
    ramp = torch.linspace(0, 1, n, device=device)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return append_zero((high + ramp * (low - high)) ** rho)


def exponential_sigmas(
    n: int, sigma_min: float, sigma_max: float, device: torch.device | str = "cpu"
) -> Tensor:
    """Levels evenly spaced in log-sigma, closed by zero, (n + 1,). Raises: as `karras_sigmas`."""
    _check_bounds(n, sigma_min, sigma_max)
    return append_zero(torch.linspace(math.log(sigma_max), math.log(sigma_min), n, device=device).exp())


def polyexponential_sigmas(
    n: int, sigma_min: float, sigma_max: float, rho: float = 1.0, device: torch.device | str = "cpu"
) -> Tensor:
    """Levels polynomially spaced (power `rho`) in log-sigma, closed by zero. Raises: as `karras_sigmas`."""
    _check_bounds(n, sigma_min, sigma_max)
    ramp = torch.linspace(1, 0, n, device=device) ** rho
    log_min, log_max = math.log(sigma_min), math.log(sigma_max)
    return append_zero((ramp * (log_max - log_min) + log_min).exp())


def vp_sigmas(
    n: int,
    beta_d: float = 19.9,
    beta_min: float = 0.1,
    eps_s: float = 1e-3,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Levels of the continuous variance preserving process at even times, closed by zero.

    Source: Song et al. 2020, arXiv 2011.13456, eq. 33, as sigma(t) in arXiv 2206.00364, table 1.
    """
    t = torch.linspace(1, eps_s, n, device=device)
    return append_zero(torch.sqrt(torch.special.expm1(beta_d * t**2 / 2 + beta_min * t)))


def kl_optimal_scheduler(n: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Levels evenly spaced in atan(sigma), closed by zero, (n + 1,).

    One step has no even spacing: the level is then NaN, as clients know it.
    Source: Sabour et al. 2024, arXiv 2404.14507, section 3.1.
    """
    share = torch.arange(n, dtype=torch.float) / torch.tensor(n - 1.0)
    angle = share * math.atan(sigma_min) + (1 - share) * math.atan(sigma_max)
    return append_zero(angle.tan())


def simple_scheduler(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Every (length / steps)-th entry of the table, from its top, closed by zero, (steps + 1,)."""
    table = model_sampling.sigmas
    stride = len(table) / steps
    from_top = (torch.arange(steps, dtype=torch.float64) * stride).long()
    picked = table[(len(table) - 1 - from_top).to(table.device)]
    return append_zero(picked.to(device="cpu", dtype=torch.float32))


def ddim_scheduler(model_sampling: ModelSampling, steps: int) -> Tensor:
    """Entries 1, 1 + s, 1 + 2s ... of the table for an integer stride s; may hold more than `steps` levels.

    Source: Song et al. 2020, arXiv 2010.02502, appendix D ("linear" sub-sequence).
    """
    table = model_sampling.sigmas
    closing = [0.0]
    if math.isclose(float(table[1]), 0, abs_tol=0.00001):
        steps += 1
        closing = []
    stride = max(len(table) // steps, 1)
    ascending = closing + [float(sigma) for sigma in table[1::stride]]
    return torch.tensor(ascending[::-1], dtype=torch.float32)


def normal_scheduler(
    model_sampling: ModelSampling, steps: int, sgm: bool = False, floor: bool = False
) -> Tensor:
    """Levels at evenly spaced timesteps, closed by zero, (steps + 1,).

    With `sgm` the spacing ends one step before the smallest level instead of on it. `floor` is accepted for the
    door's signature and has no effect.
    """
    start = float(model_sampling.timestep(model_sampling.sigma_max))
    end = float(model_sampling.timestep(model_sampling.sigma_min))
    closing = [0.0]
    if sgm:
        timesteps = torch.linspace(start, end, steps + 1)[:-1]
    else:
        if math.isclose(float(model_sampling.sigma(torch.tensor(end))), 0, abs_tol=0.00001):
            steps += 1
            closing = []
        timesteps = torch.linspace(start, end, steps)
    levels = model_sampling.sigma(timesteps).to(device="cpu", dtype=torch.float32)
    return torch.cat([levels, torch.tensor(closing, dtype=torch.float32)])


def sgm_scheduler(model_sampling: ModelSampling, steps: int) -> Tensor:
    """`normal_scheduler` with sgm spacing."""
    return normal_scheduler(model_sampling, steps, sgm=True)


def beta_scheduler(
    model_sampling: ModelSampling, steps: int, alpha: float = 0.6, beta: float = 0.6
) -> Tensor:
    """Table entries at quantiles of a Beta(alpha, beta) distribution, closed by zero; repeats are dropped.

    Shape: (at most steps + 1,). Loads scipy on first use.
    Source: Lee et al. 2024, arXiv 2407.12173, section 4.
    """
    import scipy.special  # only this schedule needs it, and it costs 30 MB and half a second

    table = model_sampling.sigmas
    shares = torch.arange(steps, dtype=torch.float64) / steps
    quantiles = torch.from_numpy(scipy.special.betaincinv(alpha, beta, (1.0 - shares).numpy()))
    indices = (quantiles * (len(table) - 1)).round().long().unique_consecutive()
    return append_zero(table[indices.to(table.device)].to(device="cpu", dtype=torch.float32))


def linear_quadratic_schedule(
    model_sampling: ModelSampling,
    steps: int,
    threshold_noise: float = 0.025,
    linear_steps: int | None = None,
) -> Tensor:
    """Linear first half down to 1 - threshold, quadratic second half, times the largest level, (steps + 1,).

    The quadratic continues value and slope of the line and ends in zero.
    Source: Polyak et al. 2024, arXiv 2410.13720, section 3.4.2.
    """
    sigma_max = float(model_sampling.sigma_max)
    if steps == 1:
        return torch.tensor([sigma_max, 0.0], dtype=torch.float32)
    linear = steps // 2 if linear_steps is None else linear_steps
    quadratic = steps - linear
    slope = threshold_noise / linear
    # Taken part of the noise at step k: a k^2 + b k + c with q(linear) on the line, its slope, q(steps) = 1.
    a = (1.0 - threshold_noise - slope * quadratic) / quadratic**2
    taken = [slope * k for k in range(linear)]
    taken += [threshold_noise + slope * k + a * k * k for k in range(quadratic)]
    remaining = [1.0 - share for share in taken] + [0.0]
    return torch.tensor(remaining, dtype=torch.float32) * sigma_max
