"""One producer, any number of readers: frames are made once, kept until the last reader has them, and no longer.

A `Tee` stands behind every stream output (a group's outputs share one, with a `Lane` each). It pulls its producer on
the region's chunk grid only, so borders do not depend on the readers. It never waits: pulls are nested calls in one
thread. Beyond the prompt's budget the oldest frames go to a file.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from comfy_execution.streaming.contract import FrameOps, FrameStream
from comfy_execution.streaming.errors import StreamOwnershipError, StreamUseError
from comfy_execution.streaming.policy import TeeBudget
from comfy_execution.streaming.spill import SpillFile

if TYPE_CHECKING:
    from comfy_execution.streaming.drive import Drive
    from comfy_execution.streaming.member import Member

logger = logging.getLogger(__name__)


class Producer(Protocol):
    """What a tee pulls: rows with a chunk per lane."""

    def reset(self) -> None:
        """Back to frame 0."""

    def pull_row(self, max_frames: int) -> Sequence[Any]:
        """Up to so many frames for each lane; fewer end that lane."""

    def finish(self) -> dict[str, Any] | None:
        """All frames were handed on; gives a ui."""

    def close(self, aborted: bool) -> None:
        """Releases everything."""


@dataclass(slots=True, eq=False)
class Block:
    """Frames [start, stop) as the producer handed them over; in a file when `chunk` is None."""

    start: int
    stop: int
    chunk: Any
    cost: int
    digest: int = 0
    spilled_at: int | None = None
    last_reader: str = ""


class Branch:
    """One reader's place in a lane; the `Port` behind the stream object that the reader got."""

    def __init__(self, lane: Lane, member: Member) -> None:
        self.lane, self.member = lane, member
        self.cursor = 0
        self.is_released = False
        lane.branches.append(self)

    @property
    def source(self) -> FrameStream:
        """The stream behind it."""
        return self.lane.stream

    @property
    def chunk_frames(self) -> int:
        """Frames that are pulled at a time in this region."""
        drive = self.lane.tee.drive
        return 1 if drive is None else drive.chunk_frames

    def reset(self) -> None:
        """Nothing at frame 0. Raises: StreamUseError later: the frames before are gone."""
        if self.cursor:
            raise StreamUseError(
                self.member.node_id,
                f"reset its input stream after {self.cursor} frames; a stream is read once per run",
            )

    def pull(self, max_frames: int) -> Any:
        """The reader's next frames.

        Raises: StreamUseError before the region is driven, or from a thread that may not pull.
        """
        drive = self.lane.tee.drive
        if drive is None:
            raise StreamUseError(
                self.member.node_id,
                "pulled a stream while it was being opened; a node that hands a stream on may not read it before",
            )
        return drive.pull(self, max_frames)

    def read(self, max_frames: int) -> Any:
        """As `pull`, in the engine's thread."""
        lane, parts, missing = self.lane, [], max_frames
        while missing:
            if self.cursor >= lane.head:
                if lane.has_ended or self.is_released:
                    break
                lane.tee.fill()
                continue
            part, frames = lane.take(self.cursor, missing, self.member.node_id)
            parts.append(part)
            self.cursor += frames
            missing -= frames
            lane.drop_read()
        return lane.ops.join(parts) if parts else lane.empty_chunk()

    def release(self) -> None:
        """The reader needs no more frames: none are kept for it."""
        if not self.is_released:
            self.is_released = True
            self.lane.drop_read()
            if self.lane.tee.drive is not None:
                self.lane.tee.member.branch_released()


class Lane:
    """One output of a tee: its blocks and its readers."""

    def __init__(self, tee: Tee, index: int, stream: FrameStream) -> None:
        self.tee, self.index, self.stream = tee, index, stream
        self.ops: FrameOps = stream.frame_ops
        self.branches: list[Branch] = []
        self.blocks: deque[Block] = deque()
        self.head = 0
        self.has_ended = False
        self.peak_frames = 0
        self.spilled_frames = 0
        self._end_chunk: Any = None
        self._loaded: tuple[Block, Any] | None = None
        self._recent: Block | None = None
        self._file = SpillFile(self.ops, tee.budget.spill_directory)

    @property
    def live(self) -> list[Branch]:
        """Readers that still want frames."""
        return [branch for branch in self.branches if not branch.is_released]

    @property
    def held_frames(self) -> int:
        """Frames in memory."""
        return sum(block.stop - block.start for block in self.blocks if block.spilled_at is None)

    @property
    def held_cost(self) -> int:
        """What this lane holds of the budget, spilled or not: how far its readers are apart."""
        return sum(block.cost for block in self.blocks)

    def append(self, chunk: Any, wanted: int) -> None:
        """Takes what the producer handed over."""
        if self.has_ended:
            return
        frames = self.ops.length(chunk)
        if frames < wanted:
            self.has_ended = True
        if self._end_chunk is None or not frames:
            self._end_chunk = chunk if not frames else self.ops.empty(chunk, None)
        if not frames:
            return
        if self.live:
            is_shared = len(self.tee.live) > 1 or self.tee.is_cut
            cost = self.tee.budget.cost(frames, self.ops.size_bytes(chunk)) if is_shared else 0
            block = Block(self.head, self.head + frames, chunk, cost)
            if self.tee.checks_chunks:
                block.digest = self.ops.digest(chunk)
            self.blocks.append(block)
            self.tee.budget.take(cost)
            self._spill_over(block)
            self.peak_frames = max(self.peak_frames, self.held_frames)
        self.head += frames

    def take(self, start: int, max_frames: int, reader: str) -> tuple[Any, int]:
        """Frames from `start` on, within one block: (chunk, number of frames). The whole block is not copied."""
        newest = self.blocks[-1]
        for block in (newest,) if start >= newest.start else self.blocks:
            if start < block.stop:
                stop = min(block.stop, start + max_frames)
                chunk = self._chunk(block)
                block.last_reader = reader
                if (start, stop) == (block.start, block.stop):
                    return chunk, stop - start
                return self.ops.cut(chunk, start - block.start, stop - block.start), stop - start
        raise AssertionError(f"frame {start} was dropped before everybody had it")

    def drop_read(self) -> None:
        """Forgets blocks that every live reader has behind it."""
        blocks = self.blocks
        if not blocks:
            return
        behind = min((branch.cursor for branch in self.branches if not branch.is_released), default=self.head)
        while blocks and blocks[0].stop <= behind:
            self._forget(blocks.popleft())

    def empty_chunk(self) -> Any:
        """What a reader gets after the end."""
        if self._end_chunk is None:
            self._end_chunk = self.ops.empty(None, self.stream.get_dimensions())
        return self._end_chunk

    def verify(self, culprit: str, role: str) -> None:
        """Raises StreamOwnershipError when a held chunk changed; `culprit` "" names the block's last reader."""
        recent = () if self._recent is None else (self._recent,)
        for block in (*recent, *self.blocks):
            if block.spilled_at is None and self.ops.digest(block.chunk) != block.digest:
                raise StreamOwnershipError(type(self.stream).__name__, culprit or block.last_reader, role)

    def close(self) -> None:
        """Forgets everything."""
        while self.blocks:
            self._forget(self.blocks.popleft())
        self._file.close()
        self._loaded = self._recent = None

    def _chunk(self, block: Block) -> Any:
        if block.spilled_at is None:
            return block.chunk
        if self._loaded is None or self._loaded[0] is not block:
            self._loaded = (block, self._file.read(block.spilled_at))
        return self._loaded[1]

    def _forget(self, block: Block) -> None:
        if block.spilled_at is None:
            self.tee.budget.give(block.cost)
            if self.tee.checks_chunks:
                self._recent = block
        else:
            self._file.drop()
            if self._loaded is not None and self._loaded[0] is block:
                self._loaded = None

    def _spill_over(self, newest: Block) -> None:
        """Writes the oldest blocks to the file until the budget holds; the newest stays in memory."""
        budget = self.tee.budget
        if budget.used <= budget.limit:
            return
        for block in self.blocks:
            if block is newest or budget.used <= budget.limit:
                break
            if block.spilled_at is None and block.cost:
                block.spilled_at = self._file.write(block.chunk)
                block.chunk = None
                budget.give(block.cost)
                self.spilled_frames += block.stop - block.start
                self.tee.warn_spill(self)


class Tee:
    """A producer and its lanes."""

    def __init__(
        self,
        member: Member,
        producer: Producer,
        streams: Sequence[FrameStream],
        budget: TeeBudget,
        checks_chunks: bool = False,
    ) -> None:
        self.member, self.producer, self.budget = member, producer, budget
        self.lanes = [Lane(self, i, stream) for i, stream in enumerate(streams)]
        self.checks_chunks = checks_chunks
        self.drive: Drive | None = None
        self.is_cut = False
        """All frames are made before the first is read: a model above and one below do not fit together."""
        self.is_reset = False
        self.is_closed = False
        self._is_filling = False
        self._has_warned = False

    @property
    def live(self) -> list[Branch]:
        """Readers of all lanes that still want frames."""
        return [branch for lane in self.lanes for branch in lane.branches if not branch.is_released]

    @property
    def has_ended(self) -> bool:
        """All lanes came to their end."""
        return all(lane.has_ended for lane in self.lanes)

    def fill(self) -> None:
        """Pulls one chunk from the producer; at a cut, all of them. Raises: as `fill_once`."""
        self.fill_once()
        while self.is_cut and not self.has_ended:
            self.fill_once()
            assert self.drive is not None
            self.drive.show_progress()

    def fill_once(self) -> None:
        """Pulls one chunk from the producer, in its node's context.

        Raises: whatever the producer raises; the region's first failure; InterruptProcessingException.
        """
        assert self.drive is not None
        if self._is_filling:
            raise StreamUseError(self.member.node_id, "pulled its own output while it was making it")
        drive, wanted = self.drive, self.drive.chunk_frames
        drive.check()
        self._is_filling = True
        try:
            if not self.is_reset:
                self.is_reset = True
                drive.call(self.member, self.producer.reset)
            if self.checks_chunks:
                self._verify("", "consumer")
            row = drive.call(self.member, self.producer.pull_row, wanted)
            if self.checks_chunks:
                self._verify(self.member.node_id, "producer")
            for lane, chunk in zip(self.lanes, row, strict=True):
                lane.append(chunk, wanted)
        finally:
            self._is_filling = False
        if self.has_ended:
            self.member.lanes_ended()

    def close(self, aborted: bool) -> None:
        """Closes the producer, then forgets the frames."""
        self.is_closed = True
        try:
            self.producer.close(aborted)
        finally:
            for lane in self.lanes:
                lane.close()

    def warn_spill(self, lane: Lane) -> None:
        """Says once that frames go to a file, and who reads at different rates."""
        if not self._has_warned:
            self._has_warned = True
            if self.is_cut:
                logger.info("the frames of %s go to a file until the next model is loaded", self.member.name)
                return
            readers = ", ".join(branch.member.name for branch in lane.live)
            logger.warning(
                "the frames of %s are read at different rates by %s: what is beyond the budget goes to a file",
                self.member.name,
                readers,
            )

    def _verify(self, culprit: str, role: str) -> None:
        assert self.drive is not None
        try:
            for lane in self.lanes:
                lane.verify(culprit, role)
        except StreamOwnershipError as error:
            self.drive.fail_as(error.node_id, error)
            raise
