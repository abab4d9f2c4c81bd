"""Random numbers of sampling: the first noise and the noise that stochastic samplers add.

All of it is drawn on the CPU unless said otherwise, so that a seed gives the same picture on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

NoiseSampler = Callable[[Any, Any], Tensor]
"""f(sigma, sigma_next) -> unit noise of the latent's shape."""

# torchsde's default tolerance is 1e-6.
TREE_DECIMALS = 6


def prepare_noise(latent_image: Tensor, seed: int, noise_inds: Sequence[int] | None = None) -> Tensor:
    """Unit noise for a latent (B,...): its shape, dtype and layout, on the CPU.

    With `noise_inds` (one number per item) every item gets the noise that it would have as that item of a larger
    batch; equal numbers give equal noise.
    """
    generator = torch.Generator(device="cpu").manual_seed(seed)
    options: dict[str, Any] = {
        "dtype": latent_image.dtype,
        "layout": latent_image.layout,
        "generator": generator,
        "device": "cpu",
    }
    if noise_inds is None:
        return torch.randn(latent_image.size(), **options)
    wanted = [int(i) for i in noise_inds]
    shape = [1, *latent_image.shape[1:]]
    # Items that nobody asked for are drawn too: they move the generator on.
    drawn = [torch.randn(shape, **options) for _ in range(max(wanted) + 1)]
    return torch.cat([drawn[i] for i in wanted])


def default_noise_sampler(x: Tensor, seed: int | None = None) -> NoiseSampler:
    """Independent unit noise per call, of the shape of `x` and on its device, ignoring the levels.

    Without a seed torch's own generator draws.
    """
    generator = None
    if seed is not None:
        generator = torch.Generator(device=x.device)
        generator.manual_seed(seed)

    def sample(sigma: Any, sigma_next: Any) -> Tensor:
        return torch.randn(x.size(), dtype=x.dtype, layout=x.layout, device=x.device, generator=generator)

    return sample


class BrownianTreeNoiseSampler:
    """Unit noise from the increments of one Brownian path over sigma: the same path for every number of steps.

    Loads torchsde on first use. Source: Li et al. 2020, arXiv 2001.01328, section 4 (virtual Brownian tree).
    """

    def __init__(
        self,
        x: Tensor,
        sigma_min: Any,
        sigma_max: Any,
        seed: int | Sequence[int] | None = None,
        transform: Callable[[Any], Any] = lambda sigma: sigma,
        cpu: bool = False,
    ) -> None:
        """Prepares the path between two levels.

        `seed` may be one number for the whole batch or one per item; `transform` maps a level to the path's time;
        with `cpu` the path is drawn on the CPU and moved.
        """
        from torchsde import BrownianTree  # pulls in scipy: only stochastic samplers pay for it

        self.transform = transform
        start = x.detach().cpu() if cpu else x
        if seed is None:
            seed = int(torch.randint(0, 2**63 - 1, []).item())
        self.batched = not isinstance(seed, int)
        seeds = [seed] if isinstance(seed, int) else list(seed)
        origin = torch.zeros_like(start[0] if self.batched else start)
        low, high, _ = self._interval(sigma_min, sigma_max)
        self.trees = [BrownianTree(low, origin, high, entropy=entropy) for entropy in seeds]
        # The tree rounds its ends; times beyond them by that rounding would make it warn at every first step.
        self.start, self.end = round(float(low), TREE_DECIMALS), round(float(high), TREE_DECIMALS)
        self.device, self.dtype = x.device, x.dtype

    def _interval(self, sigma: Any, sigma_next: Any) -> tuple[Any, Any, float]:
        """Both ends of a step in ascending order, and the sign of its direction."""
        start = torch.as_tensor(self.transform(torch.as_tensor(sigma))).cpu()
        end = torch.as_tensor(self.transform(torch.as_tensor(sigma_next))).cpu()
        return (start, end, 1.0) if start < end else (end, start, -1.0)

    def __call__(self, sigma: Any, sigma_next: Any) -> Tensor:
        """Unit noise of the step between two levels, of the shape of `x`."""
        low, high, sign = self._interval(sigma, sigma_next)
        start, end = (min(max(float(time), self.start), self.end) for time in (low, high))
        increments = [tree(start, end) for tree in self.trees]
        increment = torch.stack(increments) if self.batched else increments[0]
        return (increment * sign / (high - low).abs().sqrt()).to(device=self.device, dtype=self.dtype)
