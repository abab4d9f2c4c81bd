"""Files that nodes saved, as clients name them, and `ImageSaveHelper`, which saves image batches."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from typing import Any

from comfy_api.media import png
from comfy_api.media.animated import encode_apng, encode_webp
from comfy_api.media.saving import metadata_text, save_counted, save_pngs
from comfy_api.schema.choices import FolderType
from comfy_api.schema.node import ComfyNode


class SavedResult(dict[str, str]):
    """One saved file as clients name it: {"filename", "subfolder", "type"}."""

    def __init__(self, filename: str, subfolder: str, type: FolderType | str) -> None:
        super().__init__(filename=filename, subfolder=subfolder, type=FolderType(type).value)

    @property
    def filename(self) -> str:
        """File name without folder."""
        return self["filename"]

    @property
    def subfolder(self) -> str:
        """Folder below the root of `type`; may be empty."""
        return self["subfolder"]

    @property
    def type(self) -> FolderType:
        """Which root it is in."""
        return FolderType(self["type"])


class SavedImages:
    """Pictures that were saved; `is_animated` when they move."""

    def __init__(self, results: Sequence[SavedResult], is_animated: bool = False) -> None:
        self.results, self.is_animated = list(results), is_animated

    def as_dict(self) -> dict[str, Any]:
        """{"images": [...]}, with {"animated": (True,)} when they move."""
        shown: dict[str, Any] = {"images": self.results}
        if self.is_animated:
            shown["animated"] = (True,)
        return shown


class SavedAudios:
    """Sound files that were saved."""

    def __init__(self, results: Sequence[SavedResult]) -> None:
        self.results = list(results)

    def as_dict(self) -> dict[str, Any]:
        """{"audio": [...]}."""
        return {"audio": self.results}


def metadata_of(cls: type[ComfyNode] | None) -> dict[str, str]:
    """Prompt and workflow of the running node as files carry them."""
    if cls is None:
        return {}
    return metadata_text(cls.hidden.prompt, cls.hidden.extra_pnginfo)


def temp_prefix() -> str:
    """A name for previews that no other node run uses: `ComfyUI_temp_` and five letters."""
    return "ComfyUI_temp_" + "".join(random.choices(string.ascii_lowercase, k=5))


class ImageSaveHelper:
    """Saves image batches. `images` are (B,H,W,C) float32 0..1; `cls` is the running node, for its metadata."""

    @staticmethod
    def save_images(
        images: Any,
        filename_prefix: str,
        folder_type: FolderType,
        cls: type[ComfyNode] | None,
        compress_level: int = png.SAVE_LEVEL,
    ) -> list[SavedResult]:
        """One PNG per image."""
        kind = FolderType(folder_type).value
        saved = save_pngs(images, filename_prefix, kind, metadata_of(cls), compress_level)
        return [SavedResult(name, subfolder, kind) for name, subfolder in saved]

    @staticmethod
    def get_save_images_ui(
        images: Any,
        filename_prefix: str,
        cls: type[ComfyNode] | None,
        compress_level: int = png.SAVE_LEVEL,
    ) -> SavedImages:
        """Saves to the output folder, ready for `ui=`."""
        return SavedImages(
            ImageSaveHelper.save_images(images, filename_prefix, FolderType.output, cls, compress_level)
        )

    @staticmethod
    def save_animated_png(
        images: Any,
        filename_prefix: str,
        folder_type: FolderType,
        cls: type[ComfyNode] | None,
        fps: float,
        compress_level: int = png.SAVE_LEVEL,
    ) -> SavedResult:
        """All images as the frames of one animated PNG."""
        content = encode_apng(images, fps, metadata_of(cls), compress_level)
        return _save_one(content, images, filename_prefix, folder_type, ".png")

    @staticmethod
    def get_save_animated_png_ui(
        images: Any, filename_prefix: str, cls: type[ComfyNode] | None, fps: float, compress_level: int
    ) -> SavedImages:
        """Saves to the output folder, ready for `ui=`."""
        saved = ImageSaveHelper.save_animated_png(
            images, filename_prefix, FolderType.output, cls, fps, compress_level
        )
        return SavedImages([saved], is_animated=len(images) > 1)

    @staticmethod
    def save_animated_webp(
        images: Any,
        filename_prefix: str,
        folder_type: FolderType,
        cls: type[ComfyNode] | None,
        fps: float,
        lossless: bool,
        quality: int,
        method: int,
    ) -> SavedResult:
        """All images as the frames of one animated WebP."""
        content = encode_webp(images, fps, metadata_of(cls), lossless, quality, method)
        return _save_one(content, images, filename_prefix, folder_type, ".webp")

    @staticmethod
    def get_save_animated_webp_ui(
        images: Any,
        filename_prefix: str,
        cls: type[ComfyNode] | None,
        fps: float,
        lossless: bool,
        quality: int,
        method: int,
    ) -> SavedImages:
        """Saves to the output folder, ready for `ui=`."""
        saved = ImageSaveHelper.save_animated_webp(
            images, filename_prefix, FolderType.output, cls, fps, lossless, quality, method
        )
        return SavedImages([saved], is_animated=len(images) > 1)


def _save_one(
    content: bytes, images: Any, prefix: str, folder_type: FolderType, extension: str
) -> SavedResult:
    kind = FolderType(folder_type).value
    height, width = int(images[0].shape[0]), int(images[0].shape[1])
    saved = save_counted(prefix, kind, [lambda _: content], extension, width=width, height=height)
    return SavedResult(*saved[0], kind)
