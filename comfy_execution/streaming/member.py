"""One call of one node that takes part in a stream: its readers, its outputs, its sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_execution.context import ExecutionContext
from comfy_execution.streaming.tee import Branch, Tee

if TYPE_CHECKING:
    from comfy_execution.streaming.sinks import Sink


class Member:
    """A vertex of the stream graph: (node, list index)."""

    def __init__(self, prompt_id: str, node_id: str, index: int, class_type: str, order: int) -> None:
        self.node_id, self.index, self.class_type, self.order = node_id, index, class_type, order
        self.name = f"{node_id} ({class_type})"
        self.context = ExecutionContext(prompt_id, node_id, index)
        self.inputs: list[Branch] = []
        self.tees: list[Tee] = []
        self.sink: Sink | None = None
        self.shows = False
        """An interposer that saves or shows: driven to the end of its input."""
        self.ui: list[dict[str, Any]] = []
        self.asks: int | None = None
        """Frames that a sink wants at a time."""

    @property
    def frames(self) -> int:
        """How far it is: frames made, for a sink frames taken."""
        if self.tees:
            return max(lane.head for tee in self.tees for lane in tee.lanes)
        return max((branch.cursor for branch in self.inputs), default=0)

    @property
    def total(self) -> int | None:
        """How many frames there will be, when that is known."""
        streams = [lane.stream for tee in self.tees for lane in tee.lanes] or [b.source for b in self.inputs]
        try:
            counts = [stream.frame_count for stream in streams]
        except Exception:
            # An author's property; not knowing the length must not end the run.
            return None
        known = [count for count in counts if count is not None]
        return max(known) if known and len(known) == len(counts) else None

    @property
    def has_ended(self) -> bool:
        """Nothing more will come from it, or go into it."""
        if self.tees:
            return all(tee.has_ended or not any(lane.live for lane in tee.lanes) for tee in self.tees)
        return all(branch.is_released for branch in self.inputs)

    def lanes_ended(self) -> None:
        """When all its streams have ended, it reads no more."""
        if self.sink is None and all(tee.has_ended for tee in self.tees):
            self.release_inputs()

    def branch_released(self) -> None:
        """When nobody reads its streams any more, it needs no input either, unless it saves or shows."""
        if self.sink is not None or self.shows:
            return
        if not any(lane.live for tee in self.tees for lane in tee.lanes):
            self.release_inputs()

    def release_inputs(self) -> None:
        """Frames are not kept for it any longer."""
        for branch in self.inputs:
            branch.release()
