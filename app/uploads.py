"""Placing uploaded files: which folder, which free name, whole or not at all."""

from __future__ import annotations

import contextlib
import filecmp
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import folder_paths
from app.errors import RequestError

MAX_NAME_BYTES = 200
"""Below the 255 of common file systems, with room for ' (12)' and the temporary name."""


def upload_folder(type_: str, subfolder: str) -> Path:
    """The folder for an upload; it may not exist yet.

    Raises: RequestError for an unknown type or a subfolder that leaves the folder.
    """
    root = folder_paths.get_directory_by_type(type_)
    if root is None:
        raise RequestError("unknown_type", f"must be input, temp or output, got {type_[:40]!r}", field="type")
    try:
        return folder_paths.jailed_path(root, subfolder)
    except folder_paths.PathEscapeError as error:
        raise RequestError("path_refused", error.reason, field="subfolder") from error


def checked_name(name: str | None, field: str = "image") -> str:
    """A bare file name. Raises: RequestError when it is empty, has a folder part or control characters."""
    if not name or name in (".", ".."):
        raise RequestError("no_filename", "needs a file name", field=field)
    if "/" in name or "\\" in name:
        raise RequestError("path_refused", "the file name holds a folder; use subfolder", field=field)
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise RequestError("path_refused", "the file name holds control characters", field=field)
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        raise RequestError(
            "name_too_long", f"the file name is longer than {MAX_NAME_BYTES} bytes", field=field
        )
    return name


def place(folder: Path, name: str, content: IO[bytes], *, overwrite: bool) -> str:
    """Stores the content and gives the name it got.

    Without `overwrite`, a file of that name with other content is kept and the new one becomes
    `name (1).ext`, `name (2).ext`, ...; with equal content nothing is written.
    Raises: RequestError when the folder cannot be one.
    """
    with _written(folder, content) as temporary:
        if overwrite:
            if (folder / name).is_dir():
                raise RequestError("path_refused", "names a folder", field="image")
            os.replace(temporary, folder / name)
            return name
        for candidate in _candidates(name):
            target = folder / candidate
            try:
                os.link(temporary, target)
            except FileExistsError:
                if target.is_file() and filecmp.cmp(temporary, target, shallow=False):
                    return candidate
                continue
            return candidate
    raise AssertionError("the candidate names never end")


def _candidates(name: str) -> Iterator[str]:
    yield name
    stem, suffix = os.path.splitext(name)
    number = 1
    while True:
        yield f"{stem} ({number}){suffix}"
        number += 1


@contextlib.contextmanager
def _written(folder: Path, content: IO[bytes]) -> Iterator[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise RequestError("path_refused", "names a file, not a folder", field="subfolder") from error
    temporary = folder / f".{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as out:
            shutil.copyfileobj(content, out)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
