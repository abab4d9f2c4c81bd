"""Sampling nodes: noise and conditioning in, a denoised latent out.

`common_ksampler` is what every one of them calls, by its module attribute, because packs wrap it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from comfy.sampling import previews, registry, run
from comfy_extras.core.limits import MAX_SEED, MAX_STEPS

Latent = dict[str, Any]
Conditioning = list[list[Any]]


def common_ksampler(
    model: Any,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent: Latent,
    denoise: float = 1.0,
    disable_noise: bool = False,
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,
) -> tuple[Latent]:
    """Samples one latent: noise from the seed and the latent's `batch_index`, its `noise_mask`, previews.

    Gives a copy of the latent dict with new `samples`, in a tuple of one.
    """
    samples = run.fix_empty_latent_channels(model, latent["samples"])
    if disable_noise:
        noise = torch.zeros(samples.size(), dtype=samples.dtype, layout=samples.layout, device="cpu")
    else:
        noise = run.prepare_noise(samples, seed, latent.get("batch_index"))
    callback: Callable[..., None] = previews.prepare_callback(model, steps)
    denoised = run.sample(
        model,
        noise,
        steps,
        cfg,
        sampler_name,
        scheduler,
        positive,
        negative,
        samples,
        denoise=denoise,
        disable_noise=disable_noise,
        start_step=start_step,
        last_step=last_step,
        force_full_denoise=force_full_denoise,
        noise_mask=latent.get("noise_mask"),
        callback=callback,
        disable_pbar=True,
        seed=seed,
    )
    return ({**latent, "samples": denoised},)


class KSampler:
    """Denoises a latent with one sampler over one schedule."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": ("MODEL", {"tooltip": "Model that removes the noise."}),
                "seed": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": MAX_SEED,
                        "control_after_generate": True,
                        "tooltip": "Start of the random numbers; the same seed gives the same noise.",
                    },
                ),
                "steps": (
                    "INT",
                    {"default": 20, "min": 1, "max": MAX_STEPS, "tooltip": "Number of denoising steps."},
                ),
                "cfg": (
                    "FLOAT",
                    {
                        "default": 8.0,
                        "min": 0.0,
                        "max": 100.0,
                        "step": 0.1,
                        "round": 0.01,
                        "tooltip": "How strongly the result follows the positive and avoids the negative prompt.",
                    },
                ),
                "sampler_name": (
                    registry.SAMPLER_NAMES,
                    {"tooltip": "Algorithm that solves the denoising; changes look, speed and detail."},
                ),
                "scheduler": (
                    registry.SCHEDULER_NAMES,
                    {"tooltip": "How the noise level falls from step to step."},
                ),
                "positive": ("CONDITIONING", {"tooltip": "What the picture shall show."}),
                "negative": ("CONDITIONING", {"tooltip": "What the picture shall not show."}),
                "latent_image": ("LATENT", {"tooltip": "Latent to start from; empty for a new picture."}),
                "denoise": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "tooltip": "Share of the latent that is replaced: 1 starts from noise, less keeps its layout.",
                    },
                ),
            }
        }

    RETURN_TYPES = ("LATENT",)
    OUTPUT_TOOLTIPS = ("The latent without its noise.",)
    FUNCTION = "sample"
    CATEGORY = "sampling"
    DESCRIPTION = "Denoises the latent with the model, guided by the positive and negative conditioning."

    def sample(
        self,
        model: Any,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: Latent,
        denoise: float = 1.0,
    ) -> tuple[Latent]:
        return common_ksampler(
            model,
            seed,
            steps,
            cfg,
            sampler_name,
            scheduler,
            positive,
            negative,
            latent_image,
            denoise=denoise,
        )


class KSamplerAdvanced:
    """As KSampler, over a part of the schedule, with or without fresh noise at the start."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": ("MODEL",),
                "add_noise": (["enable", "disable"],),
                "noise_seed": (
                    "INT",
                    {"default": 0, "min": 0, "max": MAX_SEED, "control_after_generate": True},
                ),
                "steps": ("INT", {"default": 20, "min": 1, "max": MAX_STEPS}),
                "cfg": ("FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}),
                "sampler_name": (registry.SAMPLER_NAMES,),
                "scheduler": (registry.SCHEDULER_NAMES,),
                "positive": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "latent_image": ("LATENT",),
                "start_at_step": ("INT", {"default": 0, "min": 0, "max": MAX_STEPS}),
                "end_at_step": ("INT", {"default": 10000, "min": 0, "max": MAX_STEPS}),
                "return_with_leftover_noise": (["disable", "enable"],),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "sample"
    CATEGORY = "sampling"

    def sample(
        self,
        model: Any,
        add_noise: str,
        noise_seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: Latent,
        start_at_step: int,
        end_at_step: int,
        return_with_leftover_noise: str,
        denoise: float = 1.0,
    ) -> tuple[Latent]:
        return common_ksampler(
            model,
            noise_seed,
            steps,
            cfg,
            sampler_name,
            scheduler,
            positive,
            negative,
            latent_image,
            denoise=denoise,
            disable_noise=add_noise == "disable",
            start_step=start_at_step,
            last_step=end_at_step,
            force_full_denoise=return_with_leftover_noise != "enable",
        )


NODE_CLASS_MAPPINGS = {"KSampler": KSampler, "KSamplerAdvanced": KSamplerAdvanced}
NODE_DISPLAY_NAME_MAPPINGS = {"KSampler": "KSampler", "KSamplerAdvanced": "KSampler (Advanced)"}
