"""What the video nodes share: input files, output files, errors that name an input. No tensors, no PyAV."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import folder_paths
from comfy_api.errors import MediaError
from comfy_api.media import saving
from comfy_extras.core.image_io import check_prefix
from comfy_extras.errors import InputFileError, NodeInputError, OutputFileError


def input_videos() -> list[str]:
    """Sorted names of the videos directly in the input folder."""
    root = folder_paths.get_input_directory()
    names = [entry.name for entry in os.scandir(root) if entry.is_file()] if os.path.isdir(root) else []
    return sorted(folder_paths.filter_files_content_types(names, ["video"]))


def video_path(name: str, input_name: str = "file") -> str:
    """The full path of an annotated name. Raises: InputFileError where it leads out of its folder or to nothing."""
    try:
        path = folder_paths.get_annotated_filepath(name)
    except folder_paths.PathEscapeError as error:
        raise InputFileError(input_name, name, error.reason) from error
    if not os.path.isfile(path):
        raise InputFileError(input_name, name, "is no file in the input folder")
    return path


def file_fingerprint(path: str) -> str:
    """Changes when the file does; size and time, since hashing a film takes longer than using it."""
    state = os.stat(path)
    return f"{state.st_size}:{state.st_mtime_ns}"


@contextlib.contextmanager
def naming_inputs(values: Mapping[str, Any], **alias: str) -> Iterator[None]:
    """Turns errors of the media layer into errors that name one of the node's inputs.

    `values` are the inputs by name; `alias` maps what the media layer calls a thing (fps, images, audio, format,
    codec) to the node's input of another name. What names no input goes to `file`, or to the first input.
    Raises: NodeInputError; InputFileError for a file that cannot be read.
    """
    try:
        yield
    except MediaError as error:
        name = alias.get(error.source, error.source)
        if name in values:
            raise NodeInputError(name, _shown(values[name]), error.reason) from error
        name = alias.get("file", next(iter(values)))
        raise InputFileError(name, _shown(values[name]), f"{error.reason} ({error.source})") from error


@contextlib.contextmanager
def naming_output(prefix: str) -> Iterator[None]:
    """Turns errors of the file system while a file is written into errors of the node's filename_prefix.

    Raises: InputFileError for a prefix that leads out of the output folder; OutputFileError for all else.
    """
    try:
        yield
    except folder_paths.PathEscapeError as error:
        raise InputFileError("filename_prefix", prefix, error.reason) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputFileError(
            "filename_prefix", prefix, f"cannot be written: {reason}", error.errno
        ) from error


@contextlib.contextmanager
def node_output(
    prefix: str, extension: str, *, width: int = 0, height: int = 0
) -> Iterator[saving.CountedOutput]:
    """`saving.counted_output` in the output folder, its errors named; errors of the body are left as they are.

    `width` and `height` stand for %width% and %height% in the prefix. Raises: as `naming_output`.
    """
    manager = saving.counted_output(prefix, "output", extension, width=width, height=height)
    with naming_output(prefix):
        folder_paths.jailed_path(folder_paths.get_output_directory(), prefix)  # paths with backslashes too
        out = manager.__enter__()
    try:
        yield out
    except BaseException as error:
        manager.__exit__(type(error), error, error.__traceback__)
        raise
    with naming_output(prefix):
        manager.__exit__(None, None, None)


def prefix_verdict(filename_prefix: object) -> bool | str:
    """What a node's validate_inputs says of a prefix."""
    return check_prefix(filename_prefix, folder_paths.get_output_directory())


def _shown(value: Any) -> Any:
    """The value itself where it is short, else its kind: errors do not print tensors."""
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
