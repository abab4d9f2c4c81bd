"""SaveImageWebsocket: pictures go to the client as binary messages and are not written to disk."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from comfy.progress import ProgressBar
from comfy_api.media.png import to_pil


class SaveImageWebsocket:
    """Sends each picture as a full-size PNG preview, with progress value i of n before it."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",)}}

    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "api/image"

    def save_images(self, images: Tensor) -> dict[str, Any]:
        bar = ProgressBar(images.shape[0])
        for index, image in enumerate(images):
            bar.update_absolute(index, images.shape[0], ("PNG", to_pil(image), None))
        return {}

    @classmethod
    def IS_CHANGED(cls, images: Tensor | None) -> float:
        """Never the same: there is no file that a second run could point to."""
        return math.nan


NODE_CLASS_MAPPINGS = {"SaveImageWebsocket": SaveImageWebsocket}
