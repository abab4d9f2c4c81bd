"""Saving batches of images under counted names, with the graph that made them inside.

`metadata_text` is the one place that knows what goes into files and whether anything does
(`--disable-metadata`, set once by `main`).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import folder_paths
from comfy_api.media import png

_metadata_enabled = True


def set_metadata_enabled(enabled: bool) -> None:
    """Whether saved files carry prompt and workflow. Called once at start."""
    global _metadata_enabled
    _metadata_enabled = enabled


def metadata_text(prompt: Any, extra_pnginfo: Mapping[str, Any] | None) -> dict[str, str]:
    """Key -> JSON as files carry it: `prompt` first, then one per key of extra_pnginfo; {} when disabled.

    Source: measured (file_metadata): usual separators, non-ASCII escaped.
    """
    if not _metadata_enabled:
        return {}
    text = {"prompt": json.dumps(prompt)} if prompt is not None else {}
    for key, value in (extra_pnginfo or {}).items():
        text[key] = json.dumps(value)
    return text


@contextlib.contextmanager
def counted_output(
    name_prefix: str, folder_type: str, extension: str, *, width: int = 0, height: int = 0
) -> Iterator[CountedOutput]:
    """One file under a counted name that appears whole or not at all; write to `temporary`.

    `with counted_output("video/clip", "output", ".mp4") as out: ...`; afterwards `out.filename` is
    `clip_<5 digits>_.mp4` and `out.subfolder` is `video`. The counter is taken when the file is done, so two that
    are written side by side never collide. After an error nothing is left.
    Raises: folder_paths.PathEscapeError when the prefix leaves the folder; OSError of the file system.
    """
    root = folder_paths.get_directory_by_type(folder_type)
    assert root is not None, folder_type
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(name_prefix, root, width, height)
    with folder_paths.atomic_output(folder, lambda i: f"{name}_{counter + i:05}_{extension}") as out:
        saved = CountedOutput(os.fspath(out.temporary), subfolder, folder_type)
        yield saved
    assert out.path is not None
    saved.filename = os.path.basename(out.path)


@dataclass
class CountedOutput:
    """The file of `counted_output`: write to `temporary`; `filename` is known when the context is left."""

    temporary: str
    subfolder: str
    folder_type: str
    filename: str = ""


def open_output(path: str) -> BinaryIO:
    """A new file for writing, reading back and seeking. Media files are opened here and nowhere else."""
    return open(path, "w+b", buffering=0)


def write_all(file: BinaryIO, content: bytes) -> None:
    """Writes all of it: an unbuffered file may take less at a time. Raises: OSError."""
    view = memoryview(content)
    while view:
        taken = file.write(view)
        if not taken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[taken:]


def save_counted(
    name_prefix: str,
    folder_type: str,
    files: Iterable[Callable[[int], bytes]],
    extension: str,
    *,
    width: int = 0,
    height: int = 0,
) -> list[tuple[str, str]]:
    """Writes one file per entry as `<prefix>_<5 digits>_<extension>`; gives (file name, subfolder) of each.

    `files` holds functions from the index to the content; `%batch_num%` in the prefix is that index.
    `folder_type` is "output", "temp" or "input". No partial file is ever seen under its name.
    Raises: folder_paths.PathEscapeError when the prefix leaves the folder.
    """
    root = folder_paths.get_directory_by_type(folder_type)
    assert root is not None, folder_type
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(name_prefix, root, width, height)
    saved = []
    for index, content in enumerate(files):
        numbered = name.replace("%batch_num%", str(index))

        def name_for(attempt: int, numbered: str = numbered, first: int = counter + index) -> str:
            return f"{numbered}_{first + attempt:05}_{extension}"

        with folder_paths.atomic_output(folder, name_for) as out:
            out.temporary.write_bytes(content(index))
        assert out.path is not None
        saved.append((os.path.basename(out.path), subfolder))
    return saved


def save_pngs(
    images: Any,
    name_prefix: str,
    folder_type: str,
    text: Mapping[str, str],
    compress_level: int = png.SAVE_LEVEL,
) -> list[tuple[str, str]]:
    """Saves a batch as PNG files; gives (file name, subfolder) of each. Shape: (B,H,W,C) float32 0..1."""
    contents = [_encoder(image, text, compress_level) for image in images]
    height, width = (int(images[0].shape[0]), int(images[0].shape[1])) if len(contents) else (0, 0)
    return save_counted(name_prefix, folder_type, contents, ".png", width=width, height=height)


def _encoder(image: Any, text: Mapping[str, str], compress_level: int) -> Callable[[int], bytes]:
    return lambda _: png.encode_png(image, text, compress_level)
