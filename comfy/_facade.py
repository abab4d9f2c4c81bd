"""Doors that are written to: what packs assign to a compatibility module reaches the home, and back.

Packs wrap functions by assignment (`comfy.samplers.calculate_sigmas = mine`). A door module ends with
`open_door(__name__)`: from then on the names of `FORWARDED` are read from and written to their homes, and our code,
which calls them as attributes of the home module, sees the wrapped ones. Names that are not listed are plain
re-exports.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

# Door -> home -> names; "name=other" where the home calls it otherwise, "prefix*" for names packs add.
FORWARDED: dict[str, dict[str, str]] = {
    "comfy.samplers": {
        "comfy.sampling.registry": "calculate_sigmas ksampler sampler_object SAMPLER_NAMES SCHEDULER_NAMES "
        "KSAMPLER_NAMES SCHEDULER_HANDLERS SchedulerHandler",
        "comfy.sampling.guidance": "CFGGuider cfg_function sampling_function",
        "comfy.sampling.evaluation": "calc_cond_batch calc_cond_uncond_batch can_concat_cond cond_cat "
        "cond_equal_size get_area_and_mult",
        "comfy.sampling.conditions": "encode_model_conds process_conds pre_run_control "
        "create_cond_with_same_area_if_none calculate_start_end_timesteps",
        "comfy.sampling.sampler": "KSAMPLER KSamplerX0Inpaint Sampler",
        "comfy.sampling.run": "KSampler sample=sample_with_guider",
    },
    "comfy.sample": {
        "comfy.sampling.run": "fix_empty_latent_channels prepare_noise sample sample_custom",
    },
    "comfy.sampler_helpers": {
        "comfy.sampling.preparation": "cleanup_models estimate_memory get_additional_models "
        "prepare_mask prepare_model_patcher prepare_sampling",
        "comfy.sampling.conditions": "convert_cond",
    },
    "comfy.k_diffusion.sampling": {
        "comfy.sampling.samplers": "sample_*",
        "comfy.sampling.noise": "BrownianTreeNoiseSampler default_noise_sampler",
    },
    "comfy.utils": {
        "comfy.progress": "ProgressBar PROGRESS_BAR_ENABLED PROGRESS_BAR_HOOK",
        "comfy.images.resampling": "bislerp common_upscale lanczos",
        "comfy.images.tiling": "tiled_scale tiled_scale_multidim",
        "comfy.weights.files": "load_torch_file save_torch_file",
    },
    "comfy.model_management": {
        "comfy.memory.devices": "cpu_state total_ram total_vram vram_state get_free_memory get_torch_device "
        "get_total_memory intermediate_device soft_empty_cache text_encoder_device text_encoder_offload_device "
        "unet_offload_device vae_device vae_offload_device",
        "comfy.memory.dtypes": "should_use_bf16 should_use_fp16 text_encoder_dtype unet_dtype vae_dtype",
        "comfy.memory.residency": "current_loaded_models cleanup_models free_memory load_model_gpu "
        "load_models_gpu loaded_models unload_all_models",
        "comfy.interruption": "interrupt_current_processing processing_interrupted "
        "throw_exception_if_processing_interrupted",
    },
    "comfy.ldm.modules.attention": {
        "comfy.models.layers.attention": "optimized_attention optimized_attention_masked attention_pytorch",
    },
    "execution": {
        "comfy_execution.executor": "PromptExecutor",
        "comfy_execution.queue": "PromptQueue",
        "comfy_execution.validation": "validate_inputs validate_prompt",
    },
    "nodes": {
        "comfy_extras.core.sampling": "common_ksampler",
        "comfy.interruption": "interrupt_processing=interrupt_current_processing "
        "before_node_execution=throw_exception_if_processing_interrupted",
    },
    "latent_preview": {
        "comfy.sampling.previews": "MAX_PREVIEW_RESOLUTION Latent2RGBPreviewer LatentPreviewer "
        "TAESDPreviewerImpl get_previewer prepare_callback preview_to_image set_preview_method",
    },
}


def _home_of(door: str, name: str) -> tuple[ModuleType, str] | None:
    for home, names in FORWARDED[door].items():
        for entry in names.split():
            outside, _, inside = entry.partition("=")
            if outside == name:
                return sys.modules[home], inside or name
            if outside.endswith("*") and name.startswith(outside[:-1]):
                return sys.modules[home], name
    return None


# (door, name) -> what the home had when the door was opened; taking an assignment back restores it.
_originals: dict[tuple[str, str], Any] = {}


class _Door(ModuleType):
    """A module whose listed names live elsewhere."""

    def __getattr__(self, name: str) -> Any:
        home = _home_of(self.__name__, name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        return getattr(*home)

    def __setattr__(self, name: str, value: Any) -> None:
        home = _home_of(self.__name__, name)
        if home is None:
            super().__setattr__(name, value)
        else:
            setattr(*home, value)

    def __delattr__(self, name: str) -> None:
        home = _home_of(self.__name__, name)
        if home is None:
            super().__delattr__(name)
        elif (self.__name__, name) in _originals:
            setattr(*home, _originals[self.__name__, name])
        else:
            delattr(*home)


def open_door(door: str) -> None:
    """Makes the listed names of a door module, which has imported its homes, live in their homes only."""
    module = sys.modules[door]
    for name in list(vars(module)):
        if _home_of(door, name) is not None:
            _originals[door, name] = module.__dict__.pop(name)
    module.__class__ = _Door
