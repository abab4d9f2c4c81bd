"""Door: preparing models and conditionings of a run. Packs with samplers of their own import it.

Rooms: `comfy.sampling.preparation`, `comfy.sampling.conditions`.
"""

from comfy._facade import open_door
from comfy.sampling.conditions import convert_cond as convert_cond
from comfy.sampling.preparation import cleanup_additional_models as cleanup_additional_models
from comfy.sampling.preparation import cleanup_models as cleanup_models
from comfy.sampling.preparation import estimate_memory as estimate_memory
from comfy.sampling.preparation import get_additional_models as get_additional_models
from comfy.sampling.preparation import get_models_from_cond as get_models_from_cond
from comfy.sampling.preparation import prepare_mask as prepare_mask
from comfy.sampling.preparation import prepare_model_patcher as prepare_model_patcher
from comfy.sampling.preparation import prepare_sampling as prepare_sampling

__all__ = [
    "cleanup_additional_models",
    "cleanup_models",
    "convert_cond",
    "estimate_memory",
    "get_additional_models",
    "get_models_from_cond",
    "prepare_mask",
    "prepare_model_patcher",
    "prepare_sampling",
]

open_door(__name__)
