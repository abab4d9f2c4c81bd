"""Door: what packs import as `comfy.patcher_extension`. Room: `comfy.patching.wrappers`."""

from comfy.patching.wrappers import CallbacksMP as CallbacksMP
from comfy.patching.wrappers import PatcherInjection as PatcherInjection
from comfy.patching.wrappers import WrapperExecutor as WrapperExecutor
from comfy.patching.wrappers import WrappersMP as WrappersMP
from comfy.patching.wrappers import add_callback as add_callback
from comfy.patching.wrappers import add_callback_with_key as add_callback_with_key
from comfy.patching.wrappers import add_wrapper as add_wrapper
from comfy.patching.wrappers import add_wrapper_with_key as add_wrapper_with_key
from comfy.patching.wrappers import copy_nested_dicts as copy_nested_dicts
from comfy.patching.wrappers import get_all_callbacks as get_all_callbacks
from comfy.patching.wrappers import get_all_wrappers as get_all_wrappers
from comfy.patching.wrappers import get_callbacks_with_key as get_callbacks_with_key
from comfy.patching.wrappers import get_wrappers_with_key as get_wrappers_with_key
from comfy.patching.wrappers import merge_nested_dicts as merge_nested_dicts

__all__ = [
    "CallbacksMP",
    "PatcherInjection",
    "WrapperExecutor",
    "WrappersMP",
    "add_callback",
    "add_callback_with_key",
    "add_wrapper",
    "add_wrapper_with_key",
    "copy_nested_dicts",
    "get_all_callbacks",
    "get_all_wrappers",
    "get_callbacks_with_key",
    "get_wrappers_with_key",
    "merge_nested_dicts",
]
