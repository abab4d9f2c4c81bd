"""What tees pull: an author's stream, or a group of streams made by one producer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from comfy_execution.streaming.contract import FrameStream


class RowSource(Protocol):
    """A group as authors write it (`comfy_api.streams.StreamGroup`) and as the engine makes it (`frame_wise`)."""

    def do_reset(self) -> None:
        """Takes resources and goes to frame 0."""

    def do_pull_row(self, max_frames: int) -> Sequence[Any]:
        """One chunk of up to `max_frames` frames per output."""

    def do_close(self, aborted: bool) -> None:
        """Releases what was taken."""


class SingleProducer:
    """One stream; the stream itself watches over its contract."""

    def __init__(self, stream: FrameStream) -> None:
        self._stream = stream

    def reset(self) -> None:
        """Back to frame 0."""
        self._stream.reset()

    def pull_row(self, max_frames: int) -> Sequence[Any]:
        """A row of one chunk."""
        return (self._stream.pull(max_frames),)

    def finish(self) -> dict[str, Any] | None:
        """What the author does when all frames were handed on."""
        finish = getattr(self._stream, "do_finish", None)
        ui: dict[str, Any] | None = None if finish is None else finish()
        return ui

    def close(self, aborted: bool) -> None:
        """Releases everything."""
        self._stream.close(aborted)


class GroupProducer:
    """A group; closed exactly once, however many outputs are read."""

    def __init__(self, group: RowSource) -> None:
        self._group = group
        self._is_closed = False

    def reset(self) -> None:
        """Back to frame 0."""
        self._group.do_reset()

    def pull_row(self, max_frames: int) -> Sequence[Any]:
        """A row with a chunk per output."""
        return self._group.do_pull_row(max_frames)

    def finish(self) -> dict[str, Any] | None:
        """What the author does when all frames were handed on."""
        finish = getattr(self._group, "do_finish", None)
        ui: dict[str, Any] | None = None if finish is None else finish()
        return ui

    def close(self, aborted: bool) -> None:
        """Releases everything."""
        if not self._is_closed:
            self._is_closed = True
            self._group.do_close(aborted)
