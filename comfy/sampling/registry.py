"""Names of samplers and schedulers as users know them, and what each name stands for.

The list objects are shared with the doors and with node schemas: packs append to them in place, so they are never
replaced. A pack's sampler is found as `sample_<name>` of `comfy.k_diffusion.sampling`, where packs set it;
that look-up is `sampler_function`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from comfy.errors import SamplingError
from comfy.sampling import samplers, schedules
from comfy.sampling.parameterization import ModelSampling
from comfy.sampling.sampler import KSAMPLER


class SchedulerHandler(NamedTuple):
    """How a scheduler is called: f(model_sampling, steps), or f(n=, sigma_min=, sigma_max=) without `use_ms`."""

    handler: Callable[..., Tensor]
    use_ms: bool = True


SCHEDULER_HANDLERS: dict[str, SchedulerHandler] = {
    "simple": SchedulerHandler(schedules.simple_scheduler),
    "sgm_uniform": SchedulerHandler(schedules.sgm_scheduler),
    "karras": SchedulerHandler(schedules.karras_sigmas, use_ms=False),
    "exponential": SchedulerHandler(schedules.exponential_sigmas, use_ms=False),
    "ddim_uniform": SchedulerHandler(schedules.ddim_scheduler),
    "beta": SchedulerHandler(schedules.beta_scheduler),
    "normal": SchedulerHandler(schedules.normal_scheduler),
    "linear_quadratic": SchedulerHandler(schedules.linear_quadratic_schedule),
    "kl_optimal": SchedulerHandler(schedules.kl_optimal_scheduler, use_ms=False),
}

SCHEDULER_NAMES: list[str] = list(SCHEDULER_HANDLERS)


SAMPLER_NAMES: list[str] = [
    "euler",
    "euler_cfg_pp",
    "euler_ancestral",
    "euler_ancestral_cfg_pp",
    "heun",
    "heunpp2",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
    "dpm_adaptive",
    "dpmpp_2s_ancestral",
    "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde",
    "dpmpp_sde_gpu",
    "dpmpp_2m",
    "dpmpp_2m_cfg_pp",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu",
    "dpmpp_2m_sde_heun",
    "dpmpp_2m_sde_heun_gpu",
    "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu",
    "ddpm",
    "lcm",
    "ipndm",
    "ipndm_v",
    "deis",
    "res_multistep",
    "res_multistep_cfg_pp",
    "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp",
    "gradient_estimation",
    "gradient_estimation_cfg_pp",
    "er_sde",
    "seeds_2",
    "seeds_3",
    "sa_solver",
    "sa_solver_pece",
    "ddim",
    "uni_pc",
    "uni_pc_bh2",
]

KSAMPLER_NAMES: list[str] = [name for name in SAMPLER_NAMES if name not in ("ddim", "uni_pc", "uni_pc_bh2")]

# Their last step before zero is better left out; the schedule is asked for one step more.
DISCARD_PENULTIMATE_SAMPLERS: set[str] = {"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"}

# Samplers that choose their own levels between the lowest positive and the highest one of the schedule.
_BETWEEN_TWO_LEVELS = ("dpm_fast", "dpm_adaptive")


def sampler_function(name: str) -> Callable[..., Tensor]:
    """The sampler function of a name.

    Raises: SamplingError where there is none.
    """
    function = getattr(samplers, f"sample_{name}", None)
    if function is None:
        msg = f"sampler {name!r} is not one of {', '.join(SAMPLER_NAMES)}"
        raise SamplingError(msg)
    return function


def ksampler(
    sampler_name: str,
    extra_options: dict[str, Any] | None = None,
    inpaint_options: dict[str, Any] | None = None,
) -> KSAMPLER:
    """The sampler object of a name with options for its function and for inpainting.

    Raises: SamplingError for an unknown name.
    """
    function = sampler_function(sampler_name)
    if sampler_name in _BETWEEN_TWO_LEVELS:
        function = _between_two_levels(function, with_num_steps=sampler_name == "dpm_fast")
    return KSAMPLER(function, extra_options, inpaint_options)


def _between_two_levels(function: Callable[..., Tensor], with_num_steps: bool) -> Callable[..., Tensor]:
    """Such a sampler in the form of all others."""

    def sample(
        model: Any,
        noise: Tensor,
        sigmas: Tensor,
        extra_args: dict[str, Any] | None = None,
        callback: Any = None,
        disable: bool | None = None,
        **extra_options: Any,
    ) -> Tensor:
        if len(sigmas) <= 1:
            return noise
        lowest = sigmas[-2] if sigmas[-1] == 0 else sigmas[-1]
        bounds: tuple[Any, ...] = (lowest, sigmas[0])
        if with_num_steps:
            bounds += (len(sigmas) - 1,)
        return function(
            model, noise, *bounds, extra_args=extra_args, callback=callback, disable=disable, **extra_options
        )

    return sample


def sampler_object(name: str) -> KSAMPLER:
    """The sampler object that a name in SAMPLER_NAMES stands for.

    Raises: SamplingError for an unknown name.
    """
    if name == "ddim":
        # DDIM without its own noise is Euler's step; what it keeps is fresh noise for the known part.
        return ksampler("euler", inpaint_options={"random": True})
    return ksampler(name)


def calculate_sigmas(model_sampling: ModelSampling, scheduler_name: str, steps: int) -> Tensor:
    """The noise levels of a named schedule, (about steps + 1,), largest first.

    Raises: SamplingError for an unknown name.
    """
    handler = SCHEDULER_HANDLERS.get(scheduler_name)
    if handler is None:
        msg = f"scheduler {scheduler_name!r} is not one of {', '.join(SCHEDULER_HANDLERS)}"
        raise SamplingError(msg)
    if handler.use_ms:
        return handler.handler(model_sampling, steps)
    return handler.handler(
        n=steps, sigma_min=float(model_sampling.sigma_min), sigma_max=float(model_sampling.sigma_max)
    )
