"""A sampler as an object: a sampler function with its options, and how a run is started and inpainted with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from comfy.sampling.predictions import reshape_sigma


class KSamplerX0Inpaint:
    """The model as samplers call it: keeps the unmasked part of the latent on its known path.

    `latent_image` and `noise` are set for the run; `inner_model` is the guider.
    """

    def __init__(self, model: Any, sigmas: Tensor) -> None:
        self.inner_model = model
        self.sigmas = sigmas
        self.latent_image: Tensor | None = None
        self.noise: Tensor | None = None

    def __call__(
        self,
        x: Tensor,
        sigma: Tensor,
        denoise_mask: Tensor | None = None,
        model_options: dict[str, Any] | None = None,
        seed: int | None = None,
    ) -> Tensor:
        """The denoised latent for x (B,C,...) at sigma (B,); where the mask is 0 the known latent."""
        model_options = model_options or {}
        if denoise_mask is None:
            return self.inner_model(x, sigma, model_options=model_options, seed=seed)
        assert self.latent_image is not None and self.noise is not None, "set before the run starts"
        if "denoise_mask_function" in model_options:
            denoise_mask = model_options["denoise_mask_function"](
                sigma, denoise_mask, extra_options={"model": self.inner_model, "sigmas": self.sigmas}
            )
        known = 1.0 - denoise_mask
        x = x * denoise_mask + self._known_at(x, sigma) * known
        denoised = self.inner_model(x, sigma, model_options=model_options, seed=seed)
        return denoised * denoise_mask + self.latent_image * known

    def _known_at(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The known latent with the run's noise at level sigma."""
        model = self.inner_model.inner_model
        if hasattr(model, "scale_latent_inpaint"):
            return model.scale_latent_inpaint(
                x=x, sigma=sigma, noise=self.noise, latent_image=self.latent_image
            )
        assert self.noise is not None
        return model.model_sampling.noise_scaling(
            reshape_sigma(sigma, self.noise.ndim), self.noise, self.latent_image
        )


class Sampler:
    """Something that walks a latent down the levels."""

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Callable[..., Any] | None,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """The latent after the run; `model_wrap` is the guider."""
        raise NotImplementedError

    def max_denoise(self, model_wrap: Any, sigmas: Tensor) -> bool:
        """Whether the run starts at (or above) the highest level of the model."""
        highest = float(model_wrap.inner_model.model_sampling.sigma_max)
        first = float(sigmas[0])
        return math.isclose(highest, first, rel_tol=1e-05) or first > highest


class KSAMPLER(Sampler):
    """A sampler function with its options. The name is known to packs."""

    def __init__(
        self,
        sampler_function: Callable[..., Tensor],
        extra_options: dict[str, Any] | None = None,
        inpaint_options: dict[str, Any] | None = None,
    ) -> None:
        self.sampler_function = sampler_function
        self.extra_options = extra_options or {}
        self.inpaint_options = inpaint_options or {}

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Callable[..., Any] | None,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        """Scales the noise to the first level, runs the sampler function, undoes the scaling of the last level."""
        extra_args = {**extra_args, "denoise_mask": denoise_mask}
        model_k = KSamplerX0Inpaint(model_wrap, sigmas)
        model_k.latent_image = latent_image
        if self.inpaint_options.get("random", False):
            model_k.noise = _other_noise(noise, extra_args.get("seed"))
        else:
            model_k.noise = noise
        model_sampling = model_wrap.inner_model.model_sampling
        start = torch.zeros_like(noise) if latent_image is None else latent_image
        x = model_sampling.noise_scaling(sigmas[0], noise, start, self.max_denoise(model_wrap, sigmas))

        levels = sigmas.clone()  # a sampler may move the last level, which the inverse scaling has to know
        num_steps = len(levels) - 1
        k_callback = None
        if callback is not None:

            def k_callback(step: dict[str, Any]) -> None:
                callback(step["i"], step["denoised"], step["x"], num_steps)

        samples = self.sampler_function(
            model_k,
            x,
            levels,
            extra_args=extra_args,
            callback=k_callback,
            disable=disable_pbar,
            **self.extra_options,
        )
        return model_sampling.inverse_noise_scaling(levels[-1], samples)


# The number upstream's clients know as the seed of runs that name none.
_SEED_WITHOUT_SEED = 41


def _other_noise(noise: Tensor, seed: int | None) -> Tensor:
    """Noise for the known part that differs from the run's own."""
    number = _SEED_WITHOUT_SEED if seed is None else seed
    generator = torch.Generator(device="cpu").manual_seed((number + 1) % 2**64)
    return torch.randn(noise.shape, generator=generator).to(noise)
