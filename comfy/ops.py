"""Door: what packs import as `comfy.ops`. Rooms: `comfy.models.layers.casting` and `.operations`."""

from comfy.models.layers.casting import CastWeightBiasOp as CastWeightBiasOp
from comfy.models.layers.casting import cast_bias_weight as cast_bias_weight
from comfy.models.layers.casting import cast_to_input as cast_to_input
from comfy.models.layers.operations import disable_weight_init as disable_weight_init
from comfy.models.layers.operations import manual_cast as manual_cast
from comfy.models.layers.operations import pick_operations as pick_operations
from comfy.models.layers.operations import scaled_dot_product_attention as scaled_dot_product_attention

__all__ = [
    "CastWeightBiasOp",
    "cast_bias_weight",
    "cast_to_input",
    "disable_weight_init",
    "manual_cast",
    "pick_operations",
    "scaled_dot_product_attention",
]
