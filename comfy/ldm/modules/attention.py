"""Door: what packs import, and replace, as `comfy.ldm.modules.attention`. Room: `comfy.models.layers.attention`."""

from comfy._facade import open_door
from comfy.models.layers.attention import attention_basic as attention_basic
from comfy.models.layers.attention import attention_pytorch as attention_pytorch
from comfy.models.layers.attention import attention_split as attention_split
from comfy.models.layers.attention import attention_sub_quad as attention_sub_quad
from comfy.models.layers.attention import get_attention_function as get_attention_function
from comfy.models.layers.attention import get_attn_precision as get_attn_precision
from comfy.models.layers.attention import optimized_attention as optimized_attention
from comfy.models.layers.attention import optimized_attention_for_device as optimized_attention_for_device
from comfy.models.layers.attention import optimized_attention_masked as optimized_attention_masked
from comfy.models.layers.attention import register_attention_function as register_attention_function

__all__ = [
    "attention_basic",
    "attention_pytorch",
    "attention_split",
    "attention_sub_quad",
    "get_attention_function",
    "get_attn_precision",
    "optimized_attention",
    "optimized_attention_for_device",
    "optimized_attention_masked",
    "register_attention_function",
]

open_door(__name__)
