"""Door: what packs import, and replace, as `comfy.ldm.modules.attention`. Room: `comfy.models.layers.attention`."""

from comfy._facade import open_door
from comfy.models.layers.attention import attention_pytorch as attention_pytorch
from comfy.models.layers.attention import optimized_attention as optimized_attention
from comfy.models.layers.attention import optimized_attention_for_device as optimized_attention_for_device
from comfy.models.layers.attention import optimized_attention_masked as optimized_attention_masked

__all__ = [
    "attention_pytorch",
    "optimized_attention",
    "optimized_attention_for_device",
    "optimized_attention_masked",
]

open_door(__name__)
