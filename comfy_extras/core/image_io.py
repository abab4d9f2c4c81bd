"""Nodes that read pictures from the input folder and write them to the output and temp folders."""

from __future__ import annotations

import os
import random
import string
from collections.abc import Generator, Iterator
from typing import Any

from PIL import Image
from torch import Tensor

import folder_paths
from comfy import hashing
from comfy.images import reading
from comfy_api.media import png, saving
from comfy_api.streams import ImageStreamInput
from comfy_extras.errors import InputFileError

UNREADABLE = (OSError, Image.DecompressionBombError)
"""What Pillow raises for files that are no pictures, damaged, or would unpack to more than it allows."""


class SaveImage:
    """Saves every image of a batch as PNG, with the graph that made it inside."""

    def __init__(self) -> None:
        self.output_dir = folder_paths.get_output_directory()
        self.type = "output"
        self.prefix_append = ""
        self.compress_level = 4

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "Images to save."}),
                "filename_prefix": (
                    "STRING",
                    {
                        "default": "ComfyUI",
                        "tooltip": "Start of the file names; may hold folders and variables like %width% and %year%, "
                        "and values of other nodes.",
                    },
                ),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"
    DESCRIPTION = "Saves the images in the output folder."

    @classmethod
    def VALIDATE_INPUTS(cls, filename_prefix: str | None = None) -> bool | str:
        return check_prefix(filename_prefix, folder_paths.get_output_directory())

    def save_images(
        self,
        images: Tensor,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        text = saving.metadata_text(prompt, extra_pnginfo)
        results: list[dict[str, str]] = []
        for _ in self._saved(iter((images,)), filename_prefix, text, results):
            pass
        return {"ui": {"images": results}}

    def drain_stream(
        self,
        images: ImageStreamInput,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> Generator[int, Any, dict[str, Any]]:
        """The same files, written while their images are made."""
        text = saving.metadata_text(prompt, extra_pnginfo)
        results: list[dict[str, str]] = []
        yield from self._saved(images.chunks(), filename_prefix, text, results)
        return {"ui": {"images": results}}

    def _saved(
        self, chunks: Iterator[Tensor], prefix: str, text: dict[str, str], results: list[dict[str, str]]
    ) -> Iterator[int]:
        """Writes chunks of images and adds what clients are told of each; gives the number of images per chunk."""
        place = None
        for images in chunks:
            if place is None:
                place = output_place(
                    prefix + self.prefix_append, self.output_dir, images.shape[2], images.shape[1]
                )
                folder, name, counter, subfolder, _ = place
            for image in images:
                numbered = name.replace("%batch_num%", str(len(results)))
                content = png.encode_png(image, text, self.compress_level)
                filename, counter = write_counted(folder, numbered, counter, ".png", content)
                results.append({"filename": filename, "subfolder": subfolder, "type": self.type})
            yield len(images)


class PreviewImage(SaveImage):
    """Shows images without keeping them: they go to the temp folder, which is emptied at start."""

    def __init__(self) -> None:
        super().__init__()
        self.output_dir = folder_paths.get_temp_directory()
        self.type = "temp"
        self.prefix_append = "_temp_" + "".join(random.choices(string.ascii_lowercase, k=5))
        self.compress_level = 1

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"images": ("IMAGE",)},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    DESCRIPTION = "Shows the images without saving them in the output folder."
    drain_stream = SaveImage.drain_stream


class LoadImage:
    """A picture of the input folder, all frames of it, and its transparency as a mask."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": (input_pictures(), {"image_upload": True})}}

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load_image"
    CATEGORY = "image"

    def load_image(self, image: str) -> tuple[Tensor, Tensor]:
        path = picture_path(image)
        try:
            return reading.load_frames(path)
        except UNREADABLE as error:
            raise InputFileError("image", image, f"is no picture that can be read: {error}") from error

    @classmethod
    def IS_CHANGED(cls, image: str) -> str:
        return hashing.file_digest(picture_path(image))

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:
        return True if image is None or is_picture_path(image) else f"Invalid image file: {image}"


class LoadImageMask:
    """One channel of a picture of the input folder as a mask; alpha is inverted."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": (input_pictures(), {"image_upload": True}),
                "channel": (["alpha", "red", "green", "blue"],),
            }
        }

    RETURN_TYPES = ("MASK",)
    FUNCTION = "load_image"
    CATEGORY = "mask"

    def load_image(self, image: str, channel: str) -> tuple[Tensor]:
        path = picture_path(image)
        try:
            return (reading.load_channel(path, channel),)
        except UNREADABLE as error:
            raise InputFileError("image", image, f"is no picture that can be read: {error}") from error

    @classmethod
    def IS_CHANGED(cls, image: str, channel: str) -> str:
        return hashing.file_digest(picture_path(image))

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:
        return True if image is None or is_picture_path(image) else f"Invalid image file: {image}"


class LoadImageOutput(LoadImage):
    """As Load Image, with the choice of files of the output folder, newest first."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": (
                    "COMBO",
                    {
                        "image_upload": True,
                        "image_folder": "output",
                        "remote": {
                            "route": "/internal/files/output",
                            "refresh_button": True,
                            "control_after_refresh": "first",
                        },
                    },
                )
            }
        }

    DESCRIPTION = "Loads a picture of the output folder; its list can be refreshed after every run."
    EXPERIMENTAL = True
    FUNCTION = "load_image"


def input_pictures() -> list[str]:
    """Sorted names of the pictures directly in the input folder."""
    root = folder_paths.get_input_directory()
    names = [entry.name for entry in os.scandir(root) if entry.is_file()] if os.path.isdir(root) else []
    return sorted(folder_paths.filter_files_content_types(names, ["image"]))


def picture_path(name: str) -> str:
    """The full path of an annotated picture name. Raises: InputFileError when it leads out of its folder."""
    try:
        return folder_paths.get_annotated_filepath(name)
    except folder_paths.PathEscapeError as error:
        raise InputFileError("image", name, error.reason) from error


def is_picture_path(name: object) -> bool:
    """Whether an annotated name is an existing file inside its folder."""
    return isinstance(name, str) and folder_paths.exists_annotated_filepath(name)


def check_prefix(prefix: object, root: str) -> bool | str:
    """True for a file name prefix that stays inside of `root`, else a sentence that says why not."""
    if not isinstance(prefix, str):
        return True  # a link: its value is checked when the node runs
    try:
        folder_paths.jailed_path(root, prefix)
    except folder_paths.PathEscapeError as error:
        return f"{prefix!r} {error.reason}; give a path below the output folder"
    return True


def output_place(prefix: str, root: str, width: int = 0, height: int = 0) -> tuple[str, str, int, str, str]:
    """`folder_paths.get_save_image_path`. Raises: InputFileError naming `filename_prefix` for a path
    trick."""
    try:
        folder_paths.jailed_path(root, prefix)  # also what would be a path elsewhere, with backslashes
        return folder_paths.get_save_image_path(prefix, root, width, height)
    except folder_paths.PathEscapeError as error:
        raise InputFileError("filename_prefix", prefix, error.reason) from error


def write_counted(folder: str, name: str, counter: int, suffix: str, content: bytes) -> tuple[str, int]:
    """Writes a whole file under the first free number from `counter` on; gives its name and the next
    number."""
    with folder_paths.atomic_output(folder, lambda i: f"{name}_{counter + i:05}_{suffix}") as out:
        out.temporary.write_bytes(content)
    filename = os.path.basename(str(out.path))
    return filename, int(filename[len(name) + 1 : -len(suffix) - 1]) + 1


NODE_CLASS_MAPPINGS = {
    "SaveImage": SaveImage,
    "PreviewImage": PreviewImage,
    "LoadImage": LoadImage,
    "LoadImageMask": LoadImageMask,
    "LoadImageOutput": LoadImageOutput,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "SaveImage": "Save Image",
    "PreviewImage": "Preview Image",
    "LoadImage": "Load Image",
    "LoadImageMask": "Load Image (as Mask)",
    "LoadImageOutput": "Load Image (from Outputs)",
}
