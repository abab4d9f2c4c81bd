"""Door: previews of running samplers. Packs wrap `prepare_callback`; the room is `comfy.sampling.previews`."""

from comfy._facade import open_door
from comfy.sampling.previews import MAX_PREVIEW_RESOLUTION as MAX_PREVIEW_RESOLUTION
from comfy.sampling.previews import Latent2RGBPreviewer as Latent2RGBPreviewer
from comfy.sampling.previews import LatentPreviewer as LatentPreviewer
from comfy.sampling.previews import TAESDPreviewerImpl as TAESDPreviewerImpl
from comfy.sampling.previews import get_previewer as get_previewer
from comfy.sampling.previews import prepare_callback as prepare_callback
from comfy.sampling.previews import preview_to_image as preview_to_image
from comfy.sampling.previews import set_preview_method as set_preview_method

__all__ = [
    "MAX_PREVIEW_RESOLUTION",
    "Latent2RGBPreviewer",
    "LatentPreviewer",
    "TAESDPreviewerImpl",
    "get_previewer",
    "prepare_callback",
    "preview_to_image",
    "set_preview_method",
]

open_door(__name__)
