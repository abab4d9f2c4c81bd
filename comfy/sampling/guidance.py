"""Guidance: from the answers of both sides to one denoised latent, and the object that holds a run together.

`CFGGuider` is subclassed by packs and by guider nodes. Read first: `evaluation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from comfy import interruption
from comfy.patching.options import copy_options
from comfy.patching.wrappers import WrapperExecutor, WrappersMP, get_all_wrappers
from comfy.sampling import conditions, evaluation, preparation
from comfy.sampling.model import Condition, Conditionings, ModelPatcherLike
from comfy.sampling.sampler import Sampler

GuiderCallback = Callable[[int, Tensor, Tensor, int], Any]
"""f(step, denoised latent, noisy latent, number of steps), in the network's own latent scale."""


def cfg_function(
    model: Any,
    cond_pred: Tensor,
    uncond_pred: Tensor,
    cond_scale: float,
    x: Tensor,
    timestep: Tensor,
    model_options: dict[str, Any] | None = None,
    cond: Any = None,
    uncond: Any = None,
) -> Tensor:
    """The guided denoised latent from both sides' denoised latents, all (B,C,...).

    A `sampler_cfg_function` of the options replaces the linear formula and works on noise (x - denoised);
    `sampler_post_cfg_function`s may change the result, in order.
    Source: Ho & Salimans 2022, arXiv 2207.12598, eq. 6, with scale = w + 1.
    """
    model_options = model_options or {}
    if "sampler_cfg_function" in model_options:
        args = {
            "cond": x - cond_pred,
            "uncond": x - uncond_pred,
            "cond_scale": cond_scale,
            "timestep": timestep,
            "input": x,
            "sigma": timestep,
            "cond_denoised": cond_pred,
            "uncond_denoised": uncond_pred,
            "model": model,
            "model_options": model_options,
        }
        result = x - model_options["sampler_cfg_function"](args)
    else:
        result = uncond_pred + (cond_pred - uncond_pred) * cond_scale
    for post_cfg in model_options.get("sampler_post_cfg_function", []):
        args = {
            "denoised": result,
            "cond": cond,
            "uncond": uncond,
            "cond_scale": cond_scale,
            "model": model,
            "uncond_denoised": uncond_pred,
            "cond_denoised": cond_pred,
            "sigma": timestep,
            "model_options": model_options,
            "input": x,
        }
        result = post_cfg(args)
    return result


def sampling_function(
    model: Any,
    x: Tensor,
    timestep: Tensor,
    uncond: list[Condition] | None,
    cond: list[Condition] | None,
    cond_scale: float,
    model_options: dict[str, Any] | None = None,
    seed: int | None = None,
) -> Tensor:
    """Both sides evaluated and guided: the denoised latent for x (B,C,...) at sigma `timestep` (B,).

    At scale 1 the negative side has no weight and is not evaluated, unless `disable_cfg1_optimization` asks for it.
    """
    model_options = model_options or {}
    if math.isclose(cond_scale, 1.0) and not model_options.get("disable_cfg1_optimization", False):
        uncond = None
    sides = [cond, uncond]
    if "sampler_calc_cond_batch_function" in model_options:
        args = {
            "conds": sides,
            "input": x,
            "sigma": timestep,
            "model": model,
            "model_options": model_options,
        }
        outputs = model_options["sampler_calc_cond_batch_function"](args)
    else:
        outputs = evaluation.calc_cond_batch(model, sides, x, timestep, model_options)
    for pre_cfg in model_options.get("sampler_pre_cfg_function", []):
        args = {
            "conds": sides,
            "conds_out": outputs,
            "cond_scale": cond_scale,
            "timestep": timestep,
            "input": x,
            "sigma": timestep,
            "model": model,
            "model_options": model_options,
        }
        outputs = pre_cfg(args)
    return cfg_function(
        model,
        outputs[0],
        outputs[1],
        cond_scale,
        x,
        timestep,
        model_options=model_options,
        cond=cond,
        uncond=uncond,
    )


class CFGGuider:
    """A model, its conditionings and a guidance scale: denoises one step, or samples a whole run.

    Attribute names are known to packs: `model_patcher`, `model_options`, `original_conds`, `cfg`; during a run also
    `conds`, `inner_model` and `loaded_models`.
    """

    def __init__(self, model_patcher: ModelPatcherLike) -> None:
        self.model_patcher = model_patcher
        self.model_options = model_patcher.model_options
        self.original_conds: Conditionings = {}
        self.cfg = 1.0
        self.conds: Conditionings = {}
        self.inner_model: Any = None
        self.loaded_models: list[Any] = []

    def set_conds(self, positive: Sequence[Any], negative: Sequence[Any]) -> None:
        """Takes both sides as nodes hand them over: lists of [context, options]."""
        self.inner_set_conds({"positive": positive, "negative": negative})

    def set_cfg(self, cfg: float) -> None:
        """Sets the guidance scale."""
        self.cfg = cfg

    def inner_set_conds(self, conds: dict[str, Sequence[Any]]) -> None:
        """Takes any named sides as nodes hand them over."""
        for side, entries in conds.items():
            self.original_conds[side] = conditions.convert_cond(entries)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.outer_predict_noise(*args, **kwargs)

    def outer_predict_noise(
        self,
        x: Tensor,
        timestep: Tensor,
        model_options: dict[str, Any] | None = None,
        seed: int | None = None,
    ) -> Tensor:
        """One denoised latent, through the registered wrappers; stops here when the prompt was interrupted."""
        interruption.throw_exception_if_processing_interrupted()
        self.model_patcher.prepare_state(timestep)
        executor = WrapperExecutor.new_class_executor(
            self.predict_noise, self, self._wrappers(WrappersMP.PREDICT_NOISE)
        )
        return executor.execute(x, timestep, model_options or {}, seed)

    def _wrappers(self, kind: str) -> list[Callable[..., Any]]:
        return get_all_wrappers(kind, self.model_options, is_model_options=True)

    def predict_noise(
        self,
        x: Tensor,
        timestep: Tensor,
        model_options: dict[str, Any] | None = None,
        seed: int | None = None,
    ) -> Tensor:
        """The denoised (!) latent for x (B,C,...) at sigma (B,); the name is upstream's. Override to guide."""
        return sampling_function(
            self.inner_model,
            x,
            timestep,
            self.conds.get("negative"),
            self.conds.get("positive"),
            self.cfg,
            model_options=model_options,
            seed=seed,
        )

    def inner_sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        device: torch.device,
        sampler: Sampler,
        sigmas: Tensor,
        denoise_mask: Tensor | None,
        callback: GuiderCallback | None,
        disable_pbar: bool,
        seed: int | None,
    ) -> Tensor:
        """The run itself, everything on its device."""
        if torch.count_nonzero(latent_image) > 0:  # an empty latent stays zero, whatever the format shifts by
            latent_image = self.inner_model.process_latent_in(latent_image)
        self.conds = conditions.process_conds(
            self.inner_model, noise, self.conds, device, latent_image, denoise_mask, seed
        )
        extra_args = {"model_options": self.model_options, "seed": seed}
        executor = WrapperExecutor.new_class_executor(
            sampler.sample, sampler, self._wrappers(WrappersMP.SAMPLER_SAMPLE)
        )
        samples = executor.execute(
            self, sigmas, extra_args, callback, noise, latent_image, denoise_mask, disable_pbar
        )
        return self.inner_model.process_latent_out(samples.to(torch.float32))

    def outer_sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Sampler,
        sigmas: Tensor,
        denoise_mask: Tensor | None = None,
        callback: GuiderCallback | None = None,
        disable_pbar: bool = False,
        seed: int | None = None,
    ) -> Tensor:
        """The run with the model loaded before and released after it."""
        self.inner_model, self.conds, self.loaded_models = preparation.prepare_sampling(
            self.model_patcher, noise.shape, self.conds, self.model_options
        )
        device = self.model_patcher.load_device
        self.inner_model.current_patcher = self.model_patcher
        try:
            if denoise_mask is not None:
                denoise_mask = preparation.prepare_mask(denoise_mask, noise.shape, device)
            self.model_patcher.pre_run()
            with self.model_patcher.use_injected():
                return self.inner_sample(
                    noise.to(device),
                    latent_image.to(device),
                    device,
                    sampler,
                    sigmas.to(device),
                    denoise_mask,
                    callback,
                    disable_pbar,
                    seed,
                )
        finally:
            self.model_patcher.cleanup()
            preparation.cleanup_models(self.conds, self.loaded_models)
            self.inner_model.current_patcher = None
            self.inner_model = None
            self.loaded_models = []

    @torch.no_grad()
    def sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Sampler,
        sigmas: Tensor,
        denoise_mask: Tensor | None = None,
        callback: GuiderCallback | None = None,
        disable_pbar: bool = False,
        seed: int | None = None,
    ) -> Tensor:
        """A latent (B,C,...) from unit noise and a start latent of the same shape; no levels: the start latent.

        `denoise_mask` is 1 where the latent may change, at picture or latent size.
        """
        if sigmas.shape[-1] == 0:
            return latent_image
        self.conds = {
            side: [dict(entry) for entry in self.original_conds[side]] for side in self.original_conds
        }
        options_of_user = self.model_options
        self.model_options = copy_options(options_of_user)
        preparation.prepare_model_patcher(self.model_patcher, self.conds, self.model_options)
        try:
            executor = WrapperExecutor.new_class_executor(
                self.outer_sample, self, self._wrappers(WrappersMP.OUTER_SAMPLE)
            )
            return executor.execute(
                noise, latent_image, sampler, sigmas, denoise_mask, callback, disable_pbar, seed
            )
        finally:
            self.model_options = options_of_user
            self.conds = {}
