"""Several streams from one producer, row by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from comfy_api.stream_base import FrameStreamInput, ImageStreamInput, LatentStreamInput, MaskStreamInput
from comfy_execution.streaming.errors import StreamContractError


class StreamGroup(ABC):
    """Several streams made by one producer, row by row: each row holds a chunk for every output.

    Override `do_pull_row` and, as in a stream, `do_reset` and `do_close`. `streams` are what the node returns.
    A chunk shorter than asked ends its own output; the others go on.
    """

    def __init__(self, kinds: Sequence[type[FrameStreamInput]]) -> None:
        self.streams: tuple[FrameStreamInput, ...] = _make_lanes(self, kinds)

    def get_dimensions(self) -> tuple[int, int] | None:
        """(width, height) of every output, None when only the content tells."""
        return None

    @abstractmethod
    def do_reset(self) -> None:
        """Takes resources and goes to frame 0."""

    @abstractmethod
    def do_pull_row(self, max_frames: int) -> Sequence[Any]:
        """One chunk of up to `max_frames` frames per output."""

    def do_close(self, aborted: bool) -> None:  # noqa: B027 - optional hook
        """Releases what was taken."""


class _LaneMixin:
    """One output of a `StreamGroup`. The engine pulls the group's rows, never a lane by itself."""

    group: StreamGroup
    lane: int

    def get_dimensions(self) -> tuple[int, int] | None:
        return self.group.get_dimensions()

    def do_reset(self) -> None:
        self._refuse()

    def do_pull(self, max_frames: int) -> Any:
        self._refuse()

    def _refuse(self) -> None:
        name = type(self.group).__name__
        raise StreamContractError(name, "an output of a group is drained by the engine, all outputs together")


class ImageLane(_LaneMixin, ImageStreamInput):
    """Pictures of a group."""


class MaskLane(_LaneMixin, MaskStreamInput):
    """Masks of a group."""


class LatentLane(_LaneMixin, LatentStreamInput):
    """Latents of a group."""


_LANES = ((ImageStreamInput, ImageLane), (MaskStreamInput, MaskLane), (LatentStreamInput, LatentLane))


def _make_lanes(group: StreamGroup, kinds: Sequence[type[FrameStreamInput]]) -> tuple[FrameStreamInput, ...]:
    """One stream object per output of a group, of the base class that each kind has."""
    lanes: list[FrameStreamInput] = []
    for index, kind in enumerate(kinds):
        lane: Any = next(made for base, made in _LANES if issubclass(kind, base))()
        lane.group, lane.lane = group, index
        lanes.append(lane)
    return tuple(lanes)
