"""Door for older packs: `from comfy_api.input import ImageInput`. Home: `comfy_api.media.values`."""

from __future__ import annotations

from comfy_api.media.values import AudioInput as AudioInput
from comfy_api.media.values import ImageInput as ImageInput
from comfy_api.media.values import LatentInput as LatentInput
from comfy_api.media.values import MaskInput as MaskInput

__all__ = ["AudioInput", "ImageInput", "LatentInput", "MaskInput"]
