"""Files of one user: listing, reading, writing and moving below the user's folder. No HTTP in here.

All paths come from outside and go through the jail of `folder_paths`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.errors import NotFoundError, RequestError
from app.files import create_whole, write_whole
from folder_paths import jailed_path


class FileTakenError(RequestError, FileExistsError):
    """The file exists and the request forbids to overwrite it."""

    def __init__(self, field: str) -> None:
        super().__init__("file_exists", "File already exists", field=field, status=409)


def user_file(root: Path, name: str, field: str = "file") -> Path:
    """The path of a user's file, which need not exist.

    Raises: RequestError for a name that is empty or a folder; PathEscapeError when it leaves the root.
    """
    path = jailed_path(root, name)
    if not name.strip("/ ") or path == Path(os.path.realpath(root)):
        raise RequestError("invalid_path", "must name a file below the user's folder", field=field)
    return path


def existing_file(root: Path, name: str) -> Path:
    """As `user_file`. Raises: NotFoundError as well when there is no such file."""
    path = user_file(root, name)
    if not path.is_file():
        raise NotFoundError("no such file", field="file")
    return path


def file_facts(path: Path, base: Path) -> dict[str, Any]:
    """Path relative to `base`, size in bytes, and times as integer milliseconds (2026 form)."""
    stat = path.stat()
    return {
        "path": path.relative_to(base).as_posix(),
        "size": stat.st_size,
        "modified": int(stat.st_mtime * 1000),
        "created": int(stat.st_ctime * 1000),
    }


def list_files(folder: Path, recursive: bool) -> list[Path]:
    """The files of a folder, sorted, without dot files and what links lead outside to."""
    return sorted(_walk(folder, recursive))


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")] if recursive else []
        for name in files:
            path = Path(root, name)
            if not name.startswith(".") and not path.is_symlink():
                yield path


def tree_entries(root: Path, start: Path) -> list[dict[str, Any]]:
    """Everything below `start`: folders first, then files, each by lower-case name (GET /v2/userdata)."""
    folders, files = [], []
    for path in start.rglob("*"):
        if path.name.startswith(".") or path.is_symlink():
            continue
        entry = {"name": path.name, "path": path.relative_to(root).as_posix()}
        if path.is_dir():
            folders.append({**entry, "type": "directory"})
        else:
            stat = path.stat()
            files.append({**entry, "type": "file", "size": stat.st_size, "modified": stat.st_mtime})
    by_name = _lower_name
    return sorted(folders, key=by_name) + sorted(files, key=by_name)


def store(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Writes a file whole. Raises: FileTakenError when it exists and must not be replaced."""
    _check_target(path)
    if overwrite:
        write_whole(path, data)
        return
    try:
        create_whole(path, data)
    except FileExistsError as error:
        raise FileTakenError("file") from error


def move(source: Path, target: Path, *, overwrite: bool) -> None:
    """Renames a file. Raises: FileTakenError when the target exists and must not be replaced."""
    _check_target(target)
    if target.exists() and not overwrite:
        raise FileTakenError("dest")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _check_target(path: Path) -> None:
    if path.is_dir():
        raise RequestError("invalid_path", "names a folder", field="file")
    for parent in path.parents:
        if parent.exists():
            if not parent.is_dir():
                raise RequestError("invalid_path", f"{parent.name!r} is a file, not a folder", field="file")
            return


def _lower_name(entry: dict[str, Any]) -> str:
    return str(entry["name"]).lower()
