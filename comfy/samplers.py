"""Door: samplers, schedules and guidance. Most sampling packs import, subclass or wrap something here.

Rooms: `comfy.sampling` (registry, schedules, conditions, evaluation, guidance, sampler, run).
"""

from comfy._facade import open_door
from comfy.images.masks import mask_bounds as get_mask_aabb
from comfy.sampling.conditions import apply_empty_x_to_equal_area as apply_empty_x_to_equal_area
from comfy.sampling.conditions import calculate_start_end_timesteps as calculate_start_end_timesteps
from comfy.sampling.conditions import create_cond_with_same_area_if_none as create_cond_with_same_area_if_none
from comfy.sampling.conditions import encode_model_conds as encode_model_conds
from comfy.sampling.conditions import pre_run_control as pre_run_control
from comfy.sampling.conditions import process_conds as process_conds
from comfy.sampling.conditions import resolve_areas_and_cond_masks as resolve_areas_and_cond_masks
from comfy.sampling.conditions import (
    resolve_areas_and_cond_masks_multidim as resolve_areas_and_cond_masks_multidim,
)
from comfy.sampling.evaluation import add_area_dims as add_area_dims
from comfy.sampling.evaluation import calc_cond_batch as calc_cond_batch
from comfy.sampling.evaluation import calc_cond_uncond_batch as calc_cond_uncond_batch
from comfy.sampling.evaluation import can_concat_cond as can_concat_cond
from comfy.sampling.evaluation import cond_cat as cond_cat
from comfy.sampling.evaluation import cond_equal_size as cond_equal_size
from comfy.sampling.evaluation import get_area_and_mult as get_area_and_mult
from comfy.sampling.guidance import CFGGuider as CFGGuider
from comfy.sampling.guidance import cfg_function as cfg_function
from comfy.sampling.guidance import sampling_function as sampling_function
from comfy.sampling.registry import KSAMPLER_NAMES as KSAMPLER_NAMES
from comfy.sampling.registry import SAMPLER_NAMES as SAMPLER_NAMES
from comfy.sampling.registry import SCHEDULER_HANDLERS as SCHEDULER_HANDLERS
from comfy.sampling.registry import SCHEDULER_NAMES as SCHEDULER_NAMES
from comfy.sampling.registry import SchedulerHandler as SchedulerHandler
from comfy.sampling.registry import calculate_sigmas as calculate_sigmas
from comfy.sampling.registry import ksampler as ksampler
from comfy.sampling.registry import sampler_object as sampler_object
from comfy.sampling.run import KSampler as KSampler
from comfy.sampling.run import sample_with_guider as sample
from comfy.sampling.sampler import KSAMPLER as KSAMPLER
from comfy.sampling.sampler import KSamplerX0Inpaint as KSamplerX0Inpaint
from comfy.sampling.sampler import Sampler as Sampler
from comfy.sampling.schedules import beta_scheduler as beta_scheduler
from comfy.sampling.schedules import ddim_scheduler as ddim_scheduler
from comfy.sampling.schedules import kl_optimal_scheduler as kl_optimal_scheduler
from comfy.sampling.schedules import linear_quadratic_schedule as linear_quadratic_schedule
from comfy.sampling.schedules import normal_scheduler as normal_scheduler
from comfy.sampling.schedules import simple_scheduler as simple_scheduler

__all__ = [
    "CFGGuider",
    "KSAMPLER",
    "KSAMPLER_NAMES",
    "KSampler",
    "KSamplerX0Inpaint",
    "SAMPLER_NAMES",
    "SCHEDULER_HANDLERS",
    "SCHEDULER_NAMES",
    "Sampler",
    "SchedulerHandler",
    "add_area_dims",
    "apply_empty_x_to_equal_area",
    "beta_scheduler",
    "calc_cond_batch",
    "calc_cond_uncond_batch",
    "calculate_sigmas",
    "calculate_start_end_timesteps",
    "can_concat_cond",
    "cfg_function",
    "cond_cat",
    "cond_equal_size",
    "create_cond_with_same_area_if_none",
    "ddim_scheduler",
    "encode_model_conds",
    "get_area_and_mult",
    "get_mask_aabb",
    "kl_optimal_scheduler",
    "ksampler",
    "linear_quadratic_schedule",
    "normal_scheduler",
    "pre_run_control",
    "process_conds",
    "resolve_areas_and_cond_masks",
    "resolve_areas_and_cond_masks_multidim",
    "sample",
    "sampler_object",
    "sampling_function",
    "simple_scheduler",
]

open_door(__name__)
