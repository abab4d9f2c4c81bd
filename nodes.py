"""Door for node packs: the registry's dicts, the core node classes, sampling and loading functions.

Rooms: comfy_extras/core/ (classes, `common_ksampler`), comfy_extras/catalogue.py (dicts),
comfy_extras/pack_functions.py (loading). `NODE_CLASS_MAPPINGS` is the registry's own dict: packs change it in place.
"""

# ruff: noqa: F401 - every import is a re-export; an __all__ would repeat the list

from __future__ import annotations

from comfy._facade import open_door
from comfy.interruption import interrupt_current_processing as interrupt_processing
from comfy.interruption import throw_exception_if_processing_interrupted as before_node_execution
from comfy_extras.catalogue import (
    EXTENSION_WEB_DIRS,
    LOADED_MODULE_DIRS,
    NODE_CLASS_MAPPINGS,
    NODE_DISPLAY_NAME_MAPPINGS,
)
from comfy_extras.core.conditioning import (
    CLIPSetLastLayer,
    CLIPTextEncode,
    ConditioningAverage,
    ConditioningCombine,
    ConditioningConcat,
    ConditioningSetTimestepRange,
    ConditioningZeroOut,
)
from comfy_extras.core.conditioning_areas import (
    ConditioningSetArea,
    ConditioningSetAreaPercentage,
    ConditioningSetAreaStrength,
    ConditioningSetMask,
)
from comfy_extras.core.image import (
    EmptyImage,
    ImageBatch,
    ImageInvert,
    ImagePadForOutpaint,
    ImageScale,
    ImageScaleBy,
)
from comfy_extras.core.image_io import LoadImage, LoadImageMask, LoadImageOutput, PreviewImage, SaveImage
from comfy_extras.core.inpainting import InpaintModelConditioning, VAEEncodeForInpaint
from comfy_extras.core.latent_files import LoadLatent, SaveLatent
from comfy_extras.core.latent_transforms import (
    LatentBlend,
    LatentComposite,
    LatentCrop,
    LatentFlip,
    LatentRotate,
)
from comfy_extras.core.latents import (
    EmptyLatentImage,
    LatentFromBatch,
    LatentUpscale,
    LatentUpscaleBy,
    RepeatLatentBatch,
    SetLatentNoiseMask,
)
from comfy_extras.core.limits import MAX_RESOLUTION
from comfy_extras.core.loaders import CheckpointLoaderSimple, LoraLoader, LoraLoaderModelOnly, VAELoader
from comfy_extras.core.sampling import KSampler, KSamplerAdvanced, common_ksampler
from comfy_extras.core.vae import VAEDecode, VAEDecodeTiled, VAEEncode, VAEEncodeTiled
from comfy_extras.pack_functions import (
    get_module_name,
    init_builtin_extra_nodes,
    init_external_custom_nodes,
    init_extra_nodes,
    load_custom_node,
)

open_door(__name__)
