"""Frame-wise nodes as streams: the ordinary function is called once per chunk, on frames that go together.

Per-frame inputs are streams (pulled side by side) or batches (sliced in step); one frame is repeated for all. With a
grain g the function only ever sees frames [kg, (k+1)g), in the streamed run and in the ordinary one alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from comfy_execution.streaming.contract import FrameOps, FrameStream, Port
from comfy_execution.streaming.errors import StreamContractError, StreamLengthError

CallFunction = Callable[[dict[str, Any]], Sequence[Any]]
"""Calls the node's function once; its outputs by slot."""


class LaneStream:
    """One output of an engine-made row source, as other members see it. Pulled by its tee only."""

    def __init__(self, group: FrameWise, lane: int, ops: FrameOps) -> None:
        self.group, self.lane, self._ops = group, lane, ops

    @property
    def frame_ops(self) -> FrameOps:
        """What knows its chunks."""
        return self._ops

    @property
    def frame_count(self) -> int | None:
        """As many as go in."""
        return self.group.frame_count

    @property
    def frame_rate(self) -> Fraction | None:
        """As the frames that go in."""
        return self.group.frame_rate

    def get_dimensions(self) -> tuple[int, int] | None:
        """What `stream_shape` said, or nothing."""
        return self.group.dimensions

    def reset(self) -> None:
        """The tee resets the group."""

    def pull(self, max_frames: int) -> Any:
        """Raises: StreamContractError; rows are pulled, not lanes."""
        raise StreamContractError("a fused output", "it is drained by the engine, all outputs together")

    def close(self, aborted: bool = False) -> None:
        """The tee closes the group."""

    def held_streams(self) -> Sequence[FrameStream]:
        """A stream holds itself."""
        return (self,)

    def with_streams(self, streams: Sequence[FrameStream]) -> FrameStream:
        """A stream is replaced as a whole."""
        return streams[0]


class _PerFrame:
    """One per-frame input: a port of a stream, or a batch."""

    def __init__(self, name: str, ops: FrameOps, port: Port | None, batch: Any) -> None:
        self.name, self.ops, self.port, self.batch = name, ops, port, batch
        self.at = 0
        self.constant: Any = None if port is not None or ops.length(batch) != 1 else batch

    @property
    def length(self) -> int | None:
        """Its number of frames, when it is known."""
        return self.ops.length(self.batch) if self.port is None else self.port.source.frame_count

    def next(self, wanted: int) -> Any:
        """The next frames."""
        if self.port is not None:
            chunk = self.port.pull(wanted)
        else:
            chunk = self.ops.cut(self.batch, self.at, min(self.at + wanted, self.ops.length(self.batch)))
        self.at += self.ops.length(chunk)
        return chunk


class FrameWise:
    """The row source behind a frame-wise node."""

    def __init__(
        self,
        node_id: str,
        call: CallFunction,
        arguments: Mapping[str, Any],
        per_frame: Mapping[str, tuple[FrameOps, Port | None]],
        lanes: Mapping[int, FrameOps],
        grain: int | None = None,
        dimensions: tuple[int, int] | None = None,
    ) -> None:
        self._node_id, self._call, self._arguments, self._grain = node_id, call, dict(arguments), grain
        self._inputs = [
            _PerFrame(name, ops, port, None if port is not None else arguments[name])
            for name, (ops, port) in per_frame.items()
        ]
        self._slots = list(lanes)
        self._ops = [lanes[slot] for slot in self._slots]
        self._held: list[list[Any]] = [[] for _ in self._slots]
        self._has_ended = False
        self.dimensions = dimensions
        self.streams = {slot: LaneStream(self, i, lanes[slot]) for i, slot in enumerate(self._slots)}

    @property
    def frame_count(self) -> int | None:
        """The length of the inputs, when they all know it."""
        lengths = [entry.length for entry in self._inputs]
        known = [length for length in lengths if length is not None]
        return max(known) if known and len(known) == len(lengths) else None

    @property
    def frame_rate(self) -> Fraction | None:
        """The first rate that an input knows."""
        rates = (entry.port.source.frame_rate for entry in self._inputs if entry.port is not None)
        return next((rate for rate in rates if rate is not None), None)

    def do_reset(self) -> None:
        """Nothing to take: the inputs are reset by their own tees."""

    def do_close(self, aborted: bool) -> None:
        """Lets batches and frames go."""
        self._inputs, self._arguments, self._held = [], {}, []

    def do_pull_row(self, max_frames: int) -> Sequence[Any]:
        """One call of the function, or as many as give `max_frames` where a grain fixes their size."""
        while self._held_frames() < max_frames and not self._has_ended:
            self._advance(self._grain or max_frames)
        row = []
        for lane, ops in enumerate(self._ops):
            chunks = self._held[lane]
            joined = ops.join(chunks) if chunks else self._empty(ops)
            length = ops.length(joined)
            take = min(length, max_frames)
            self._held[lane] = [ops.cut(joined, take, length)] if length > take else []
            row.append(joined if take == length else ops.cut(joined, 0, take))
        return row

    def _held_frames(self) -> int:
        return sum(self._ops[0].length(chunk) for chunk in self._held[0])

    def _advance(self, wanted: int) -> None:
        chunks = self._next_chunks(wanted)
        frames = max((entry.ops.length(chunks[entry.name]) for entry in self._moving()), default=0)
        if frames < wanted:
            self._has_ended = True
        if not frames:
            return
        outputs = self._call({**self._arguments, **chunks})
        for lane, slot in enumerate(self._slots):
            made = self._ops[lane].length(outputs[slot])
            if made != frames:
                raise StreamContractError(
                    f"node {self._node_id}",
                    f"it is declared frame-wise and made {made} frames of {frames} in output {slot}",
                )
            self._held[lane].append(outputs[slot])

    def _moving(self) -> list[_PerFrame]:
        """Inputs that advance; when all are single frames, they all do."""
        moving = [entry for entry in self._inputs if entry.constant is None]
        return moving or self._inputs

    def _next_chunks(self, wanted: int) -> dict[str, Any]:
        """Frames of every per-frame input that go together.

        Raises: StreamLengthError when an input ends before the others and is no single frame.
        """
        moving = self._moving()
        chunks: dict[str, Any] = {}
        for entry in moving:
            chunk = entry.next(wanted)
            if entry.constant is None and entry.at == 1 and entry.ops.length(chunk) == 1 < wanted:
                entry.constant = chunk
            chunks[entry.name] = chunk
        lengths = {entry: entry.ops.length(chunks[entry.name]) for entry in moving}
        longest = max(lengths.values())
        for entry, length in lengths.items():
            if length != longest and entry.constant is None:
                raise StreamLengthError(self._node_id, entry.name, entry.at, max(e.at for e in moving))
        for entry in self._inputs:
            if entry.constant is not None:
                chunks[entry.name] = entry.constant
        return chunks

    def _empty(self, ops: FrameOps) -> Any:
        """Zero frames of an output that no call has made yet."""
        return ops.empty(None, self.dimensions or self._input_dimensions())

    def _input_dimensions(self) -> tuple[int, int] | None:
        ports = (entry.port for entry in self._inputs if entry.port is not None)
        return next((port.source.get_dimensions() for port in ports), None)
