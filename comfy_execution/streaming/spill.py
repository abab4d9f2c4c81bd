"""Where frames go that a tee may not keep in memory: one temporary file per tee, without a name where possible."""

from __future__ import annotations

import os
import tempfile
from typing import Any, BinaryIO, cast

from comfy_execution.streaming.contract import FrameOps


class SpillFile:
    """Chunks written one after another; read back by their position. Shrinks to nothing when all are dropped."""

    def __init__(self, ops: FrameOps, directory: str | None = None) -> None:
        self._ops, self._directory = ops, directory
        self._file: BinaryIO | None = None
        self._end = 0
        self._kept = 0

    def write(self, chunk: Any) -> int:
        """Stores a chunk; gives its position. Raises: OSError of the file system."""
        if self._file is None:
            if self._directory is not None:
                os.makedirs(self._directory, exist_ok=True)
            made = tempfile.TemporaryFile(prefix="frames-", dir=self._directory)  # noqa: SIM115 - `close` closes it
            self._file = cast(BinaryIO, made)
        position = self._end
        self._file.seek(position)
        self._ops.dump(chunk, self._file)
        self._end = self._file.tell()
        self._kept += 1
        return position

    def read(self, position: int) -> Any:
        """The chunk at a position."""
        assert self._file is not None
        self._file.seek(position)
        return self._ops.load(self._file)

    def drop(self) -> None:
        """One chunk is not needed any more; with the last one the space is given back."""
        self._kept -= 1
        if not self._kept and self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._end = 0

    def close(self) -> None:
        """Gives the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None
