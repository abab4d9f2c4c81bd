"""Door behind `comfy_api.latest.Input`. Homes: `comfy_api.media.*`, `comfy_api.streams`."""

from __future__ import annotations

from comfy_api.media.values import AudioInput as Audio
from comfy_api.media.values import AudioInput as AudioInput
from comfy_api.media.values import ImageInput as Image
from comfy_api.media.values import ImageInput as ImageInput
from comfy_api.media.values import LatentInput as Latent
from comfy_api.media.values import LatentInput as LatentInput
from comfy_api.media.values import MaskInput as Mask
from comfy_api.media.values import MaskInput as MaskInput
from comfy_api.media.video_input import VideoInput as Video
from comfy_api.media.video_input import VideoInput as VideoInput
from comfy_api.streams import ImageStreamInput as ImageStream
from comfy_api.streams import ImageStreamInput as ImageStreamInput
from comfy_api.streams import LatentStreamInput as LatentStream
from comfy_api.streams import LatentStreamInput as LatentStreamInput

__all__ = [
    "Audio",
    "AudioInput",
    "Image",
    "ImageInput",
    "ImageStream",
    "ImageStreamInput",
    "Latent",
    "LatentInput",
    "LatentStream",
    "LatentStreamInput",
    "Mask",
    "MaskInput",
    "Video",
    "VideoInput",
]
