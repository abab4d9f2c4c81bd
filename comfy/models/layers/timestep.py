"""Sinusoidal embedding of diffusion timesteps."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def timestep_embedding(timesteps: Tensor, width: int, max_period: float = 10000.0) -> Tensor:
    """Cosines, then sines, of the timestep at geometrically spaced frequencies.

    Shape: (B,) to (B,width), float32; an odd width ends in a zero.
    Source: Ho et al. 2020, arXiv 2006.11239, section B, after Vaswani et al. 2017, section 3.5.
    """
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angles = timesteps.float()[:, None] * torch.exp(-math.log(max_period) * exponents)[None]
    embedding = torch.cat((angles.cos(), angles.sin()), dim=-1)
    return torch.nn.functional.pad(embedding, (0, width - 2 * half))
