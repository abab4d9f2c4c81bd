"""What a node shows: classes that save previews and describe them to the client.

Pass one as `io.NodeOutput(..., ui=...)`. Pictures are really written, to the temp folder for previews. Files that
a node keeps are in `saved`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comfy_api.media import png
from comfy_api.schema.choices import FolderType
from comfy_api.schema.node import ComfyNode
from comfy_api.schema.saved import ImageSaveHelper, SavedResult, temp_prefix


class PreviewImage:
    """Shows an image batch (B,H,W,C) from the temp folder."""

    def __init__(
        self, image: Any, animated: bool = False, cls: type[ComfyNode] | None = None, **_: Any
    ) -> None:
        self.values = ImageSaveHelper.save_images(
            image, temp_prefix(), FolderType.temp, cls, png.PREVIEW_LEVEL
        )
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        """{"images": [...], "animated": (bool,)}."""
        return {"images": self.values, "animated": (self.animated,)}


class PreviewMask(PreviewImage):
    """Shows a mask batch (B,H,W) or (H,W) as grey pictures from the temp folder."""

    def __init__(
        self, mask: Any, animated: bool = False, cls: type[ComfyNode] | None = None, **_: Any
    ) -> None:
        grey = mask.reshape((-1, mask.shape[-2], mask.shape[-1], 1))
        super().__init__(grey.repeat_interleave(3, -1) if hasattr(grey, "detach") else grey, animated, cls)


class PreviewVideo:
    """Shows videos that were saved."""

    def __init__(self, values: Sequence[SavedResult | dict[str, Any]], **_: Any) -> None:
        self.values = list(values)

    def as_dict(self) -> dict[str, Any]:
        """{"images": [...], "animated": (True,)}."""
        return {"images": self.values, "animated": (True,)}


class PreviewUI3D:
    """Shows a three-dimensional file in the client's viewer."""

    def __init__(self, model_file: Any, camera_info: Any, **_: Any) -> None:
        self.model_file, self.camera_info = model_file, camera_info

    def as_dict(self) -> dict[str, Any]:
        """{"result": [model_file, camera_info]}."""
        return {"result": [self.model_file, self.camera_info]}


class PreviewText:
    """Shows a text."""

    def __init__(self, value: str, **_: Any) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        """{"text": (value,)}."""
        return {"text": (self.value,)}
