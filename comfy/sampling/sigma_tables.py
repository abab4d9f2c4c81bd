"""Noise levels of networks that were trained on a table of timesteps, or on log-noise directly.

Each class is a torch module without parameters: `sigmas` ascending, conversion between sigma and the timestep the
network was trained with, and percent of sampling to sigma. Joined with a class of `predictions`.
Flow networks are in `flow_tables`.

`model_config` in the constructors is anything with a `sampling_settings` mapping (packs pass their model config).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from comfy.errors import SamplingError

# A threshold above every sigma that any table holds: "from the very start".
BEFORE_START = 999999999.9


def settings_of(model_config: object | None) -> Mapping[str, Any]:
    """The sampling settings of a model config, empty when there is none."""
    return getattr(model_config, "sampling_settings", None) or {}


def beta_schedule(schedule: str, num_timesteps: int, start: float, end: float) -> Tensor:
    """Variances beta_t of the forward process, (num_timesteps,), float64.

    "linear" is linear in the square root (latent diffusion's choice), "sqrt_linear" linear in beta itself.

    Raises: SamplingError for another name.
    Source: Rombach et al. 2022, arXiv 2112.10752, appendix.
    """
    if schedule == "linear":
        return torch.linspace(start**0.5, end**0.5, num_timesteps, dtype=torch.float64) ** 2
    if schedule == "sqrt_linear":
        return torch.linspace(start, end, num_timesteps, dtype=torch.float64)
    msg = f"beta schedule {schedule!r} is not one of 'linear', 'sqrt_linear'"
    raise SamplingError(msg)


def rescale_zero_terminal_snr_sigmas(sigmas: Tensor) -> Tensor:
    """The table shifted and stretched so that its last entry is (nearly) pure noise.

    The exact zero of the signal is replaced by a tiny positive number, because sigma would be infinite.
    Source: Lin et al. 2023, arXiv 2305.08891, algorithm 1.
    """
    sqrt_alpha_bar = (1.0 / (sigmas * sigmas + 1.0)).sqrt()
    first, last = sqrt_alpha_bar[0].clone(), sqrt_alpha_bar[-1].clone()
    sqrt_alpha_bar = (sqrt_alpha_bar - last) * (first / (first - last))
    alpha_bar = sqrt_alpha_bar**2
    alpha_bar[-1] = 4.8973451890853435e-08
    return ((1.0 - alpha_bar) / alpha_bar) ** 0.5


class DiscreteSigmas(torch.nn.Module):
    """A table of noise levels indexed by the integer training timestep; log-linear in between."""

    sigmas: Tensor
    log_sigmas: Tensor

    def __init__(self, model_config: object | None = None, zsnr: bool | None = None) -> None:
        super().__init__()
        settings = settings_of(model_config)
        num_timesteps = settings.get("timesteps", 1000)
        betas = beta_schedule(
            settings.get("beta_schedule", "linear"),
            num_timesteps,
            settings.get("linear_start", 0.00085),
            settings.get("linear_end", 0.012),
        )
        alpha_bar = torch.cumprod(1.0 - betas, dim=0)
        sigmas = ((1.0 - alpha_bar) / alpha_bar) ** 0.5
        self.zsnr = settings.get("zsnr", False) if zsnr is None else zsnr
        if self.zsnr:
            sigmas = rescale_zero_terminal_snr_sigmas(sigmas)
        self.num_timesteps = num_timesteps
        self.sigma_data = 1.0
        self.set_sigmas(sigmas)

    def set_sigmas(self, sigmas: Tensor) -> None:
        """Replaces the table; `sigmas` ascending, (num_timesteps,)."""
        self.register_buffer("sigmas", sigmas.float(), persistent=False)
        self.register_buffer("log_sigmas", sigmas.log().float(), persistent=False)

    @property
    def sigma_min(self) -> Tensor:
        """Smallest level of the table, scalar."""
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """Largest level of the table, scalar."""
        return self.sigmas[-1]

    def timestep(self, sigma: Tensor) -> Tensor:
        """Index of the nearest table entry in log-sigma, int64, same shape."""
        dists = sigma.log().to(self.log_sigmas.device) - self.log_sigmas[:, None]
        return dists.abs().argmin(dim=0).view(sigma.shape).to(sigma.device)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Noise level at a (fractional) timestep, clamped to the table, float32."""
        t = torch.clamp(timestep.float().to(self.log_sigmas.device), min=0, max=len(self.log_sigmas) - 1)
        low = t.floor().long()
        high = t.ceil().long()
        weight = t.frac()
        log_sigma = (1 - weight) * self.log_sigmas[low] + weight * self.log_sigmas[high]
        return log_sigma.exp().to(timestep.device)

    def percent_to_sigma(self, percent: float) -> float:
        """Noise level at a share of the sampling run, 0 = start, with sentinels beyond both ends."""
        if percent <= 0.0:
            return BEFORE_START
        if percent >= 1.0:
            return 0.0
        return float(self.sigma(torch.tensor((1.0 - percent) * 999.0)).item())


class DiscreteEdmSigmas(DiscreteSigmas):
    """The discrete table for networks that take a quarter of log-sigma as their timestep."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return 0.25 * sigma.log()

    def sigma(self, timestep: Tensor) -> Tensor:
        return (timestep / 0.25).exp()


class CascadeSigmas(DiscreteSigmas):
    """Cosine schedule with a shift of the signal-to-noise ratio; the timestep runs from 0 to 1.

    Source: Nichol & Dhariwal 2021, arXiv 2102.09672, eq. 17; shift: Hoogeboom et al. 2023, arXiv 2301.11093, eq. 5.
    """

    def __init__(self, model_config: object | None = None) -> None:
        torch.nn.Module.__init__(self)
        settings = settings_of(model_config)
        self.set_parameters(settings.get("shift", 1.0))

    def set_parameters(self, shift: float = 1.0, cosine_s: float = 8e-3) -> None:
        """Builds the table for a shift and a cosine offset."""
        self.shift = shift
        self.cosine_s = cosine_s
        self.sigma_data = 1.0
        self.num_timesteps = 10000
        offset = torch.tensor(cosine_s)
        self.initial_alpha_bar = torch.cos(offset / (1 + offset) * math.pi * 0.5) ** 2
        steps = torch.arange(1, self.num_timesteps + 1, dtype=torch.float64) / self.num_timesteps
        self.set_sigmas(self.sigma(steps.float()))

    def sigma(self, timestep: Tensor) -> Tensor:
        phase = (timestep + self.cosine_s) / (1 + self.cosine_s) * math.pi * 0.5
        alpha_bar = torch.cos(phase) ** 2 / self.initial_alpha_bar.to(timestep.device)
        if self.shift != 1.0:
            log_snr = (alpha_bar / (1 - alpha_bar)).log() + 2 * math.log(1.0 / self.shift)
            alpha_bar = log_snr.sigmoid()
        alpha_bar = alpha_bar.clamp(0.0001, 0.9999)
        return ((1 - alpha_bar) / alpha_bar) ** 0.5

    def timestep(self, sigma: Tensor) -> Tensor:
        alpha_bar = (1 / (sigma**2 + 1)).clamp(0, 1.0)
        phase = torch.acos((alpha_bar * self.initial_alpha_bar.to(sigma.device)) ** 0.5)
        return phase / (math.pi * 0.5) * (1 + self.cosine_s) - self.cosine_s

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0.0:
            return BEFORE_START
        if percent >= 1.0:
            return 0.0
        return float(self.sigma(torch.tensor(1.0 - percent)).item())


class ContinuousEdmSigmas(torch.nn.Module):
    """Any level between two bounds; the timestep is a quarter of log-sigma. Source: arXiv 2206.00364, table 1."""

    sigmas: Tensor
    log_sigmas: Tensor

    def __init__(self, model_config: object | None = None) -> None:
        super().__init__()
        settings = settings_of(model_config)
        self.set_parameters(
            settings.get("sigma_min", 0.002),
            settings.get("sigma_max", 120.0),
            settings.get("sigma_data", 1.0),
        )

    def set_parameters(self, sigma_min: float, sigma_max: float, sigma_data: float) -> None:
        """Builds a table of 1000 levels, evenly spaced in log-sigma, that schedulers read."""
        self.sigma_data = sigma_data
        sigmas = torch.linspace(math.log(sigma_min), math.log(sigma_max), 1000).exp()
        self.register_buffer("sigmas", sigmas, persistent=False)
        self.register_buffer("log_sigmas", sigmas.log(), persistent=False)

    @property
    def sigma_min(self) -> Tensor:
        """Smallest level, scalar."""
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """Largest level, scalar."""
        return self.sigmas[-1]

    def timestep(self, sigma: Tensor) -> Tensor:
        """The network's time input for a level, same shape."""
        return 0.25 * sigma.log()

    def sigma(self, timestep: Tensor) -> Tensor:
        """Level for a time input, same shape."""
        return (timestep / 0.25).exp()

    def percent_to_sigma(self, percent: float) -> float:
        """Noise level at a share of the sampling run, geometric between the bounds, with sentinels."""
        if percent <= 0.0:
            return BEFORE_START
        if percent >= 1.0:
            return 0.0
        log_min = math.log(self.sigma_min)
        return math.exp((math.log(self.sigma_max) - log_min) * (1.0 - percent) + log_min)


class ContinuousVSigmas(ContinuousEdmSigmas):
    """Continuous levels whose timestep is the angle atan(sigma), as a share of a right angle."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma.atan() / math.pi * 2

    def sigma(self, timestep: Tensor) -> Tensor:
        return (timestep * math.pi / 2).tan()


class CosmosSigmas(ContinuousEdmSigmas):
    """Continuous levels whose timestep is the flow time sigma / (1 + sigma)."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma / (sigma + 1)

    def sigma(self, timestep: Tensor) -> Tensor:
        sigma = timestep / (1 - timestep)
        # Flow time 1 is infinite noise; the largest level is the best answer there.
        return torch.where(timestep >= 1.0, self.sigma_max.to(sigma), sigma)
