"""The `set_model_*` methods of a patcher: every hook that packs can hang into sampling and networks.

What each function gets and gives is listed in `comfy.models.layers.block_patches` (networks) and in the sampling
room (guidance). All of them write into `model_options`, which each clone owns.
"""

from __future__ import annotations

from typing import Any

from comfy.patching import options as hooks
from comfy.patching.options import Hook, ModelOptions


class HookSetters:
    """Mixed into the patcher; needs nothing of it but `model_options`."""

    model_options: ModelOptions

    def set_model_sampler_cfg_function(
        self, sampler_cfg_function: Hook, disable_cfg1_optimization: bool = False
    ) -> None:
        """Replaces guidance. A function of three arguments (cond, uncond, scale) is the old form and still works."""
        self.model_options["sampler_cfg_function"] = _cfg_function(sampler_cfg_function)
        if disable_cfg1_optimization:
            self.model_options["disable_cfg1_optimization"] = True

    def set_model_sampler_post_cfg_function(
        self, post_cfg_function: Hook, disable_cfg1_optimization: bool = False
    ) -> None:
        """Adds a function after guidance."""
        hooks.set_model_options_post_cfg_function(
            self.model_options, post_cfg_function, disable_cfg1_optimization
        )

    def set_model_sampler_pre_cfg_function(
        self, pre_cfg_function: Hook, disable_cfg1_optimization: bool = False
    ) -> None:
        """Adds a function before guidance."""
        hooks.set_model_options_pre_cfg_function(
            self.model_options, pre_cfg_function, disable_cfg1_optimization
        )

    def set_model_sampler_calc_cond_batch_function(self, sampler_calc_cond_batch_function: Hook) -> None:
        """Replaces the evaluation of all conditionings."""
        self.model_options["sampler_calc_cond_batch_function"] = sampler_calc_cond_batch_function

    def set_model_unet_function_wrapper(self, unet_wrapper_function: Hook) -> None:
        """Wraps every call of the network."""
        self.model_options["model_function_wrapper"] = unet_wrapper_function

    def set_model_denoise_mask_function(self, denoise_mask_function: Hook) -> None:
        """Replaces the mask of what is sampled, step by step."""
        self.model_options["denoise_mask_function"] = denoise_mask_function

    def set_model_patch(self, patch: Hook, name: str) -> None:
        """Adds a function to the network's patch list `name`."""
        options = self.model_options.setdefault("transformer_options", {})
        options.setdefault("patches", {}).setdefault(name, []).append(patch)

    def set_model_patch_replace(
        self, patch: Hook, name: str, block_name: str, number: int, transformer_index: int | None = None
    ) -> None:
        """Replaces attention `name` of one block."""
        hooks.set_model_options_patch_replace(
            self.model_options, patch, name, block_name, number, transformer_index
        )

    def set_model_attn1_patch(self, patch: Hook) -> None:
        """Changes what goes into self attention."""
        self.set_model_patch(patch, "attn1_patch")

    def set_model_attn2_patch(self, patch: Hook) -> None:
        """Changes what goes into attention to the text."""
        self.set_model_patch(patch, "attn2_patch")

    def set_model_attn1_replace(
        self, patch: Hook, block_name: str, number: int, transformer_index: int | None = None
    ) -> None:
        """Replaces self attention of one block."""
        self.set_model_patch_replace(patch, "attn1", block_name, number, transformer_index)

    def set_model_attn2_replace(
        self, patch: Hook, block_name: str, number: int, transformer_index: int | None = None
    ) -> None:
        """Replaces attention to the text of one block."""
        self.set_model_patch_replace(patch, "attn2", block_name, number, transformer_index)

    def set_model_attn1_output_patch(self, patch: Hook) -> None:
        """Changes what comes out of self attention."""
        self.set_model_patch(patch, "attn1_output_patch")

    def set_model_attn2_output_patch(self, patch: Hook) -> None:
        """Changes what comes out of attention to the text."""
        self.set_model_patch(patch, "attn2_output_patch")

    def set_model_input_block_patch(self, patch: Hook) -> None:
        """Changes the features after each block down, before they are kept for the way up."""
        self.set_model_patch(patch, "input_block_patch")

    def set_model_input_block_patch_after_skip(self, patch: Hook) -> None:
        """Changes the features after each block down, after they were kept for the way up."""
        self.set_model_patch(patch, "input_block_patch_after_skip")

    def set_model_output_block_patch(self, patch: Hook) -> None:
        """Changes features and skip before each block up."""
        self.set_model_patch(patch, "output_block_patch")

    def set_model_emb_patch(self, patch: Hook) -> None:
        """Changes the timestep embedding."""
        self.set_model_patch(patch, "emb_patch")


def _cfg_function(function: Hook) -> Hook:
    """The function in the form of one dictionary argument."""
    code = getattr(function, "__code__", None)
    bound = 1 if hasattr(function, "__self__") else 0
    if code is None or code.co_argcount - bound != 3:
        return function

    def from_arguments(args: dict[str, Any]) -> Any:
        return function(args["cond"], args["uncond"], args["cond_scale"])

    return from_arguments
