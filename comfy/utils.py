"""Door: state dicts, resizing, tiling, progress. Nearly every pack imports something here.

Rooms: `comfy.weights`, `comfy.images`, `comfy.progress`.
"""

from comfy._facade import open_door
from comfy.images.batches import repeat_to_batch_size as repeat_to_batch_size
from comfy.images.batches import resize_list_to_batch_size as resize_list_to_batch_size
from comfy.images.batches import resize_to_batch_size as resize_to_batch_size
from comfy.images.masks import reshape_mask as reshape_mask
from comfy.images.masks import upscale_dit_mask as upscale_dit_mask
from comfy.images.resampling import bislerp as bislerp
from comfy.images.resampling import common_upscale as common_upscale
from comfy.images.resampling import lanczos as lanczos
from comfy.images.tiling import get_tiled_scale_steps as get_tiled_scale_steps
from comfy.images.tiling import tiled_scale as tiled_scale
from comfy.images.tiling import tiled_scale_multidim as tiled_scale_multidim
from comfy.progress import PROGRESS_BAR_ENABLED as PROGRESS_BAR_ENABLED
from comfy.progress import PROGRESS_BAR_HOOK as PROGRESS_BAR_HOOK
from comfy.progress import ProgressBar as ProgressBar
from comfy.progress import set_progress_bar_enabled as set_progress_bar_enabled
from comfy.progress import set_progress_bar_global_hook as set_progress_bar_global_hook
from comfy.weights.files import load_torch_file as load_torch_file
from comfy.weights.files import save_torch_file as save_torch_file
from comfy.weights.state_dict import calculate_parameters as calculate_parameters
from comfy.weights.state_dict import convert_sd_to as convert_sd_to
from comfy.weights.state_dict import copy_to_param as copy_to_param
from comfy.weights.state_dict import get_attr as get_attr
from comfy.weights.state_dict import safetensors_header as safetensors_header
from comfy.weights.state_dict import set_attr as set_attr
from comfy.weights.state_dict import set_attr_param as set_attr_param
from comfy.weights.state_dict import state_dict_key_replace as state_dict_key_replace
from comfy.weights.state_dict import state_dict_prefix_replace as state_dict_prefix_replace
from comfy.weights.state_dict import swap_scale_shift as swap_scale_shift
from comfy.weights.state_dict import weight_dtype as weight_dtype

__all__ = [
    "PROGRESS_BAR_ENABLED",
    "PROGRESS_BAR_HOOK",
    "ProgressBar",
    "bislerp",
    "calculate_parameters",
    "common_upscale",
    "convert_sd_to",
    "copy_to_param",
    "get_attr",
    "get_tiled_scale_steps",
    "lanczos",
    "load_torch_file",
    "repeat_to_batch_size",
    "reshape_mask",
    "resize_list_to_batch_size",
    "resize_to_batch_size",
    "safetensors_header",
    "save_torch_file",
    "set_attr",
    "set_attr_param",
    "set_progress_bar_enabled",
    "set_progress_bar_global_hook",
    "state_dict_key_replace",
    "state_dict_prefix_replace",
    "swap_scale_shift",
    "tiled_scale",
    "tiled_scale_multidim",
    "upscale_dit_mask",
    "weight_dtype",
]

open_door(__name__)
