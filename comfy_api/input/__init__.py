"""Door for older packs: `from comfy_api.input import ImageInput`. Homes: `comfy_api.media.*`, `comfy_api.streams`."""

from __future__ import annotations

from comfy_api.media.values import AudioInput as AudioInput
from comfy_api.media.values import ImageInput as ImageInput
from comfy_api.media.values import LatentInput as LatentInput
from comfy_api.media.values import MaskInput as MaskInput
from comfy_api.media.video_input import VideoInput as VideoInput
from comfy_api.streams import ImageStreamInput as ImageStreamInput

__all__ = ["AudioInput", "ImageInput", "ImageStreamInput", "LatentInput", "MaskInput", "VideoInput"]
