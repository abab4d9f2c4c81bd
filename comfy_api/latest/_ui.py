"""Door behind `comfy_api.latest.ui`. Home: `comfy_api.schema.ui`."""

from __future__ import annotations

from comfy_api.schema.ui import ImageSaveHelper as ImageSaveHelper
from comfy_api.schema.ui import PreviewImage as PreviewImage
from comfy_api.schema.ui import PreviewMask as PreviewMask
from comfy_api.schema.ui import PreviewText as PreviewText
from comfy_api.schema.ui import PreviewUI3D as PreviewUI3D
from comfy_api.schema.ui import PreviewVideo as PreviewVideo
from comfy_api.schema.ui import SavedAudios as SavedAudios
from comfy_api.schema.ui import SavedImages as SavedImages
from comfy_api.schema.ui import SavedResult as SavedResult

__all__ = [
    "ImageSaveHelper",
    "PreviewImage",
    "PreviewMask",
    "PreviewText",
    "PreviewUI3D",
    "PreviewVideo",
    "SavedAudios",
    "SavedImages",
    "SavedResult",
]
