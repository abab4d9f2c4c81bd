"""SD1's noise schedule and the Euler sampler used to look at the model while it trains.

Source: Ho et al. 2020, arXiv 2006.11239, eq. 4; Rombach et al. 2022, arXiv 2112.10752 (the schedule's ends); Karras et
al. 2022, arXiv 2206.00364, alg. 1 without churn (Euler); Ho and Salimans 2022, arXiv 2207.12598 (guidance).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from training.demo_model.design import LATENT_CHANNELS
from training.demo_model.nets.unet import Unet

NUM_TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012


def alphas_cumprod() -> Tensor:
    """Signal power at each timestep. Shape: (1000,), float32."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, NUM_TIMESTEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()


def sampling_timesteps(num_steps: int) -> Tensor:
    """Evenly spaced from 999 down to 0, as ComfyUI's scheduler `normal` spaces them. Shape: (num_steps,), float32."""
    return torch.linspace(NUM_TIMESTEPS - 1, 0, num_steps)


def starting_noise(seeds: Sequence[int], height: int, width: int) -> Tensor:
    """The noise a server draws for one picture with each seed. Shape: (len(seeds),4,height,width)."""
    shape = (1, LATENT_CHANNELS, height, width)
    return torch.cat([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


@torch.no_grad()
def sample(
    unet: Unet, context: Tensor, empty: Tensor, noise: Tensor, num_steps: int = 20, cfg: float = 3.0
) -> Tensor:
    """Euler from noise to latents.

    Shape: context (b,77,c), empty (1,77,c), noise (b,4,h,w) of unit std -> (b,4,h,w) at unit std.
    """
    sigmas = ((1 - alphas_cumprod()) / alphas_cumprod()).sqrt()
    steps = sampling_timesteps(num_steps).round().long()
    levels = torch.cat([sigmas[steps], torch.zeros(1)])
    num = len(context)
    both = torch.cat([context, empty.expand(num, -1, -1)])
    x = noise * (1 + levels[0] ** 2).sqrt()
    for i, t in enumerate(steps):
        scaled = x / (1 + levels[i] ** 2).sqrt()
        eps = unet(torch.cat([scaled, scaled]), t.expand(2 * num), both).float()
        wanted, free = eps.chunk(2)
        x = x + (free + cfg * (wanted - free)) * (levels[i + 1] - levels[i])
    return x
