"""Content hashes of files, for telling whether a file changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

_algorithm = "sha256"


def set_algorithm(name: str) -> None:
    """Chooses the hash: md5, sha1, sha256 or sha512. Raises: ValueError for a name that hashlib does not
    know."""
    global _algorithm
    hashlib.new(name)
    _algorithm = name


def hasher() -> Callable[..., Any]:
    """The constructor of the chosen hash."""
    return getattr(hashlib, _algorithm)


def file_digest(path: str | os.PathLike[str]) -> str:
    """The hexadecimal digest of a file's content. Raises: OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, hasher()).hexdigest()
