"""Door: what packs import as `comfy.model_patcher`. Room: `comfy.patching`."""

from comfy.patching.applied import get_key_weight as get_key_weight
from comfy.patching.options import create_model_options_clone as create_model_options_clone
from comfy.patching.options import set_model_options_patch_replace as set_model_options_patch_replace
from comfy.patching.options import set_model_options_post_cfg_function as set_model_options_post_cfg_function
from comfy.patching.options import set_model_options_pre_cfg_function as set_model_options_pre_cfg_function
from comfy.patching.patcher import AutoPatcherEjector as AutoPatcherEjector
from comfy.patching.patcher import ModelPatcher as ModelPatcher

CoreModelPatcher = ModelPatcher  # since 2026: the patcher without dynamic memory, which is the only one here

__all__ = [
    "AutoPatcherEjector",
    "CoreModelPatcher",
    "ModelPatcher",
    "create_model_options_clone",
    "get_key_weight",
    "set_model_options_patch_replace",
    "set_model_options_post_cfg_function",
    "set_model_options_pre_cfg_function",
]
