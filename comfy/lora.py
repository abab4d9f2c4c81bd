"""Door: what packs import as `comfy.lora`. Rooms: `comfy.weights.lora`, `comfy.patching.weights`."""

from comfy.patching.weights import calculate_weight as calculate_weight
from comfy.patching.weights import pad_tensor_to_shape as pad_tensor_to_shape
from comfy.weights.lora.load import load_lora as load_lora
from comfy.weights.lora.names import model_lora_keys_clip as model_lora_keys_clip
from comfy.weights.lora.names import model_lora_keys_unet as model_lora_keys_unet

__all__ = [
    "calculate_weight",
    "load_lora",
    "model_lora_keys_clip",
    "model_lora_keys_unet",
    "pad_tensor_to_shape",
]
