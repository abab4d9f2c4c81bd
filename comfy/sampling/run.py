"""A whole run as nodes ask for it: names and numbers in, latent out.

`sample` is what KSampler nodes call, `sample_custom` what the custom sampling nodes call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from comfy.errors import SamplingError
from comfy.memory import devices
from comfy.sampling import guidance, registry
from comfy.sampling.guidance import GuiderCallback
from comfy.sampling.model import ModelPatcherLike
from comfy.sampling.noise import prepare_noise as prepare_noise
from comfy.sampling.sampler import Sampler

# From here on a run counts as a full one; step widgets go by 0.01.
FULL_DENOISE = 0.9999


def fix_empty_latent_channels(model: ModelPatcherLike, latent_image: Tensor) -> Tensor:
    """An all-zero latent with the model's number of channels and axes; any other latent as it is."""
    latent_format = model.get_model_object("latent_format")
    if torch.count_nonzero(latent_image) != 0:
        return latent_image
    channels = latent_format.latent_channels
    if latent_image.shape[1] != channels:
        shape = [latent_image.shape[0], channels, *latent_image.shape[2:]]
        latent_image = latent_image.new_zeros(shape)
    if getattr(latent_format, "latent_dimensions", 2) == 3 and latent_image.ndim == 4:
        latent_image = latent_image.unsqueeze(2)
    return latent_image


def sample_with_guider(
    model: ModelPatcherLike,
    noise: Tensor,
    positive: Any,
    negative: Any,
    cfg: float,
    device: torch.device | None,
    sampler: Sampler,
    sigmas: Tensor,
    model_options: dict[str, Any] | None = None,
    latent_image: Tensor | None = None,
    denoise_mask: Tensor | None = None,
    callback: GuiderCallback | None = None,
    disable_pbar: bool = False,
    seed: int | None = None,
) -> Tensor:
    """One run with linear guidance. `device` and `model_options` are accepted for the door's signature.

    The model's own device and options hold.
    """
    guider = guidance.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    start = torch.zeros_like(noise) if latent_image is None else latent_image
    return guider.sample(noise, start, sampler, sigmas, denoise_mask, callback, disable_pbar, seed)


class KSampler:
    """A sampler by name with its schedule. The name, attributes and list objects are known to packs."""

    SCHEDULERS = registry.SCHEDULER_NAMES
    SAMPLERS = registry.SAMPLER_NAMES
    DISCARD_PENULTIMATE_SIGMA_SAMPLERS = registry.DISCARD_PENULTIMATE_SAMPLERS

    def __init__(
        self,
        model: ModelPatcherLike,
        steps: int,
        device: torch.device | None,
        sampler: str | None = None,
        scheduler: str | None = None,
        denoise: float | None = None,
        model_options: dict[str, Any] | None = None,
    ) -> None:
        """Unknown names become the first ones of their lists; numbers as `set_steps`."""
        self.model = model
        self.device = device
        self.scheduler = scheduler if scheduler in self.SCHEDULERS else self.SCHEDULERS[0]
        self.sampler = sampler if sampler in self.SAMPLERS else self.SAMPLERS[0]
        self.model_options = model_options or {}
        self.set_steps(steps, denoise)
        self.denoise = denoise

    def calculate_sigmas(self, steps: int) -> Tensor:
        """The schedule's levels for the sampler: some samplers skip the last level before zero."""
        discard = self.sampler in self.DISCARD_PENULTIMATE_SIGMA_SAMPLERS
        model_sampling = self.model.get_model_object("model_sampling")
        sigmas = registry.calculate_sigmas(model_sampling, self.scheduler, steps + int(discard))
        return torch.cat([sigmas[:-2], sigmas[-1:]]) if discard else sigmas

    def set_steps(self, steps: int, denoise: float | None = None) -> None:
        """Computes `sigmas`: all levels, or the last `steps` of a longer run for `denoise` < 1, or none for 0."""
        if steps < 1:
            msg = f"steps must be at least 1, got {steps}"
            raise SamplingError(msg)
        self.steps = steps
        if denoise is None or denoise > FULL_DENOISE:
            self.sigmas = self.calculate_sigmas(steps)
        elif denoise <= 0.0:
            self.sigmas = torch.FloatTensor([])
        else:
            self.sigmas = self.calculate_sigmas(int(steps / denoise))[-(steps + 1) :]

    def sample(
        self,
        noise: Tensor,
        positive: Any,
        negative: Any,
        cfg: float,
        latent_image: Tensor | None = None,
        start_step: int | None = None,
        last_step: int | None = None,
        force_full_denoise: bool = False,
        denoise_mask: Tensor | None = None,
        sigmas: Tensor | None = None,
        callback: GuiderCallback | None = None,
        disable_pbar: bool = False,
        seed: int | None = None,
    ) -> Tensor:
        """Runs from `start_step` to `last_step`; beyond the schedule nothing is left to do.

        With `force_full_denoise` a run that stops early goes to zero in its last step.
        """
        levels = self.sigmas if sigmas is None else sigmas
        if last_step is not None and last_step < len(levels) - 1:
            levels = levels[: last_step + 1].clone()
            if force_full_denoise:
                levels[-1] = 0
        if start_step is not None:
            if start_step >= len(levels) - 1:
                return torch.zeros_like(noise) if latent_image is None else latent_image
            levels = levels[start_step:]
        return sample_with_guider(
            self.model,
            noise,
            positive,
            negative,
            cfg,
            self.device,
            registry.sampler_object(self.sampler),
            levels,
            self.model_options,
            latent_image=latent_image,
            denoise_mask=denoise_mask,
            callback=callback,
            disable_pbar=disable_pbar,
            seed=seed,
        )


def prepare_sampling(
    model: ModelPatcherLike,
    noise_shape: Sequence[int],
    positive: Any,
    negative: Any,
    noise_mask: Tensor | None,
) -> tuple[ModelPatcherLike, Any, Any, Tensor | None, list[Any]]:
    """What it was given and an empty list: preparing is part of a run now, older packs still ask for it."""
    return model, positive, negative, noise_mask, []


def sample(
    model: ModelPatcherLike,
    noise: Tensor,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Any,
    negative: Any,
    latent_image: Tensor,
    denoise: float = 1.0,
    disable_noise: bool = False,
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,
    noise_mask: Tensor | None = None,
    sigmas: Tensor | None = None,
    callback: GuiderCallback | None = None,
    disable_pbar: bool = False,
    seed: int | None = None,
) -> Tensor:
    """A latent (B,C,...) float32 on the intermediate device, by names of sampler and scheduler.

    `noise` has the latent's shape (zeros where no noise is wanted; `disable_noise` only tells). The latent's scale is
    the one that nodes exchange. Raises: SamplingError for steps below 1; InterruptProcessingException.
    """
    sampler = KSampler(
        model,
        steps=steps,
        device=model.load_device,
        sampler=sampler_name,
        scheduler=scheduler,
        denoise=denoise,
        model_options=model.model_options,
    )
    samples = sampler.sample(
        noise,
        positive,
        negative,
        cfg=cfg,
        latent_image=latent_image,
        start_step=start_step,
        last_step=last_step,
        force_full_denoise=force_full_denoise,
        denoise_mask=noise_mask,
        sigmas=sigmas,
        callback=callback,
        disable_pbar=disable_pbar,
        seed=seed,
    )
    return samples.to(devices.intermediate_device())


def sample_custom(
    model: ModelPatcherLike,
    noise: Tensor,
    cfg: float,
    sampler: Sampler,
    sigmas: Tensor,
    positive: Any,
    negative: Any,
    latent_image: Tensor,
    noise_mask: Tensor | None = None,
    callback: GuiderCallback | None = None,
    disable_pbar: bool = False,
    seed: int | None = None,
) -> Tensor:
    """A latent like `sample`'s, with a sampler object and levels of the caller's choice."""
    samples = sample_with_guider(
        model,
        noise,
        positive,
        negative,
        cfg,
        model.load_device,
        sampler,
        sigmas,
        model.model_options,
        latent_image=latent_image,
        denoise_mask=noise_mask,
        callback=callback,
        disable_pbar=disable_pbar,
        seed=seed,
    )
    return samples.to(devices.intermediate_device())
