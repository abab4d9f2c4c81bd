"""The metadata in the header of a safetensors file, read without the tensors.

Source: the safetensors format: 8 bytes little-endian length of a JSON object, whose `__metadata__` maps
texts to texts.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

MAX_HEADER_BYTES = 1024 * 1024
"""Measured: the peer answers 404 above."""


def read_metadata(path: Path) -> dict[str, str] | None:
    """The metadata; None when there is none, the header is too large, or the file is something else."""
    try:
        with path.open("rb") as file:
            prefix = file.read(8)
            if len(prefix) != 8:
                return None
            (length,) = struct.unpack("<Q", prefix)
            if length > MAX_HEADER_BYTES:
                return None
            header = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError):
        return None
    found = header.get("__metadata__") if isinstance(header, dict) else None
    return found if isinstance(found, dict) else None
