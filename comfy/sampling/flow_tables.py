"""Noise levels of flow networks: sigma is the flow time between 0 and 1, bent by a shift.

Same surface as the classes of `sigma_tables`. Read first: `predictions.RectifiedFlow`.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from comfy.sampling.sigma_tables import settings_of

Time = TypeVar("Time", float, Tensor)


def time_snr_shift(alpha: float, t: Time) -> Time:
    """Flow time after dividing the signal-to-noise ratio's root by `alpha`.

    Source: Esser et al. 2024, arXiv 2403.03206, eq. 23.
    """
    if alpha == 1.0:
        return t
    return alpha * t / (1 + (alpha - 1) * t)


def flux_time_shift(mu: float, sigma: float, t: Time) -> Time:
    """Flow time shifted by a logistic map: e^mu / (e^mu + (1/t - 1)^sigma)."""
    return math.exp(mu) / (math.exp(mu) + (1 / t - 1) ** sigma)


class FlowSigmas(torch.nn.Module):
    """A table of 1000 shifted flow times; the network's timestep is sigma * multiplier."""

    sigmas: Tensor

    def __init__(self, model_config: object | None = None) -> None:
        super().__init__()
        settings = settings_of(model_config)
        self.set_parameters(shift=settings.get("shift", 1.0), multiplier=settings.get("multiplier", 1000))

    def set_parameters(self, shift: float = 1.0, timesteps: int = 1000, multiplier: float = 1000) -> None:
        """Builds the table for a shift."""
        self.shift = shift
        self.multiplier = multiplier
        table = self.sigma((torch.arange(1, timesteps + 1, 1) / timesteps) * multiplier)
        self.register_buffer("sigmas", table, persistent=False)

    @property
    def sigma_min(self) -> Tensor:
        """Smallest level of the table, scalar."""
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """Largest level of the table, scalar."""
        return self.sigmas[-1]

    def timestep(self, sigma: Tensor) -> Tensor:
        """The network's time input for a level, same shape."""
        return sigma * self.multiplier

    def sigma(self, timestep: Tensor) -> Tensor:
        """Level for an unshifted time input, same shape (not the inverse of `timestep`)."""
        return time_snr_shift(self.shift, timestep / self.multiplier)

    def percent_to_sigma(self, percent: float) -> float:
        """Noise level at a share of the sampling run, 0 = start (1.0) and 1 = end (0.0)."""
        if percent <= 0.0:
            return 1.0
        if percent >= 1.0:
            return 0.0
        return time_snr_shift(self.shift, 1.0 - percent)


class FluxSigmas(torch.nn.Module):
    """A table of 10000 flow times with the logistic shift; the network's timestep is sigma."""

    sigmas: Tensor

    def __init__(self, model_config: object | None = None) -> None:
        super().__init__()
        self.set_parameters(shift=settings_of(model_config).get("shift", 1.15))

    def set_parameters(self, shift: float = 1.15, timesteps: int = 10000) -> None:
        """Builds the table for a shift."""
        self.shift = shift
        table = self.sigma(torch.arange(1, timesteps + 1, 1) / timesteps)
        self.register_buffer("sigmas", table, persistent=False)

    @property
    def sigma_min(self) -> Tensor:
        """Smallest level of the table, scalar."""
        return self.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """Largest level of the table, scalar."""
        return self.sigmas[-1]

    def timestep(self, sigma: Tensor) -> Tensor:
        """The network's time input: sigma itself."""
        return sigma

    def sigma(self, timestep: Tensor) -> Tensor:
        """Level for an unshifted time, same shape."""
        return flux_time_shift(self.shift, 1.0, timestep)

    def percent_to_sigma(self, percent: float) -> float:
        """Noise level at a share of the sampling run, 0 = start (1.0) and 1 = end (0.0)."""
        if percent <= 0.0:
            return 1.0
        if percent >= 1.0:
            return 0.0
        return flux_time_shift(self.shift, 1.0, 1.0 - percent)
