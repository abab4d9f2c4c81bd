"""How much streams may hold, how many frames move at a time, when ordinary nodes are fused. Made once, by `main`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from comfy_execution.streaming.contract import FrameOps

GIB = 1024**3
DEFAULT_CHUNK_FRAMES = 8
"""Where nobody knows how large a frame is."""
MAX_CHUNK_FRAMES = 64
"""Larger chunks save nothing that can be measured, and an interrupt waits for a chunk."""
CHUNK_SHARE = 8
"""A chunk may take an eighth of the budget: its frames exist at every member of the chain at once."""
TEE_SHARE = 2
"""All tees of a prompt share half of the budget."""


class StreamMode(Enum):
    """Whether ordinary nodes are fused into streams."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class ThreadModes(Protocol):
    """What a library keeps per thread and a node may have changed while it was suspended (grad mode, device)."""

    def capture(self) -> Any:
        """The modes of this thread now."""

    def apply(self, modes: Any) -> None:
        """Sets them."""


class NoModes:
    """For processes without such a library."""

    def capture(self) -> Any:
        """Nothing to know."""

    def apply(self, modes: Any) -> None:
        """Nothing to set."""


def all_fit(models: Sequence[Any]) -> bool:
    """For processes whose models never have to make room for each other."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPolicy:
    """Limits and switches of one engine.

    `chunk_frames` and `tee_frames` replace what follows from `budget_bytes`, in frames. `check_chunks` finds nodes that
    write into chunks they handed over or were handed. `depth_first_lists` runs list-mapped chains item by item.
    """

    mode: StreamMode = StreamMode.AUTO
    budget_bytes: int = GIB
    chunk_frames: int | None = None
    tee_frames: int | None = None
    check_chunks: bool = False
    depth_first_lists: bool = False
    abandon_grace_s: float = 2.0
    spill_directory: str | None = None
    """Where frames go that the tees may not keep; None: the system's place for temporary files."""
    frame_kinds: Mapping[str, FrameOps] = field(default_factory=dict)
    modes: ThreadModes = field(default_factory=NoModes)
    hold_models: Callable[[Sequence[Any]], bool] = all_fit
    """Loads the models of a region together; False when the device has no room for all of them at once."""

    def chunk_for(self, bytes_per_frame: int) -> int:
        """Frames per chunk when a member touches so many bytes per frame; 0 = nobody knows."""
        if self.chunk_frames is not None:
            return self.chunk_frames
        if bytes_per_frame <= 0:
            return DEFAULT_CHUNK_FRAMES
        return max(1, min(MAX_CHUNK_FRAMES, self.budget_bytes // CHUNK_SHARE // bytes_per_frame))


class TeeBudget:
    """What all tees of a prompt hold in memory, in frames or in bytes."""

    def __init__(self, policy: StreamPolicy) -> None:
        self._in_frames = policy.tee_frames is not None
        self.limit = policy.tee_frames if policy.tee_frames is not None else policy.budget_bytes // TEE_SHARE
        self.spill_directory = policy.spill_directory
        self.used = 0
        self.peak = 0

    def cost(self, frames: int, size_bytes: int) -> int:
        """What a block of so many frames counts."""
        return frames if self._in_frames else size_bytes

    def take(self, cost: int) -> None:
        """A block is held."""
        self.used += cost
        self.peak = max(self.peak, self.used)

    def give(self, cost: int) -> None:
        """A block is held no longer."""
        self.used -= cost

    @property
    def is_full(self) -> bool:
        """Only sinks that lag may be stepped now."""
        return self.used >= self.limit
