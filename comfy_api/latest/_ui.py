"""Door behind `comfy_api.latest.ui`. Homes: `comfy_api.schema.ui`, `comfy_api.schema.saved`, `saved_audio`."""

from __future__ import annotations

from comfy_api.schema.saved import ImageSaveHelper as ImageSaveHelper
from comfy_api.schema.saved import SavedAudios as SavedAudios
from comfy_api.schema.saved import SavedImages as SavedImages
from comfy_api.schema.saved import SavedResult as SavedResult
from comfy_api.schema.saved_audio import AudioSaveHelper as AudioSaveHelper
from comfy_api.schema.saved_audio import PreviewAudio as PreviewAudio
from comfy_api.schema.ui import PreviewImage as PreviewImage
from comfy_api.schema.ui import PreviewMask as PreviewMask
from comfy_api.schema.ui import PreviewText as PreviewText
from comfy_api.schema.ui import PreviewUI3D as PreviewUI3D
from comfy_api.schema.ui import PreviewVideo as PreviewVideo

__all__ = [
    "AudioSaveHelper",
    "ImageSaveHelper",
    "PreviewAudio",
    "PreviewImage",
    "PreviewMask",
    "PreviewText",
    "PreviewUI3D",
    "PreviewVideo",
    "SavedAudios",
    "SavedImages",
    "SavedResult",
]
