"""Opening a member: which of a node's functions is called, with readers in place of streams.

One `Opening` per node. `behaviour` stands in for the node's own while `node_runner` maps it over lists, so blockers,
contexts and async functions are handled as for every other node.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from comfy_execution.context import get_executing_context
from comfy_execution.node_runner import CallPlan
from comfy_execution.node_spec import NodeSpec
from comfy_execution.streaming.baton import BatonSink
from comfy_execution.streaming.contract import (
    STREAM_TYPES,
    STREAMABLE_TYPES,
    FrameOps,
    FrameStream,
    StreamRoles,
    port_of,
    streams_in,
    with_streams,
)
from comfy_execution.streaming.frame_wise import FrameWise
from comfy_execution.streaming.member import Member
from comfy_execution.streaming.sinks import AsyncGeneratorSink, GeneratorSink, collected
from comfy_execution.streaming.tee import Branch, Lane

logger = logging.getLogger(__name__)

_NO_ROLES = StreamRoles()


class Kind(Enum):
    """How a node takes part."""

    CALL = "its ordinary function is called; it may hand streams on or make them, not read them"
    OPEN = "open_stream is called"
    FRAME_WISE = "its ordinary function is called per chunk"
    DRAIN = "its generator is stepped"
    BATON = "its ordinary function runs in a thread of its own, and pulls there"
    GRAINS = "its ordinary function is called on grains of its batches, without a stream"
    COLLECT = "its stream inputs are collected to batches, then its ordinary function is called"


class PendingSink:
    """Stands for the result of a sink until it has returned."""

    def __init__(self, member: Member) -> None:
        self.member = member


@dataclasses.dataclass(frozen=True, slots=True)
class Wiring:
    """What an opening needs from the session."""

    new_member: Callable[[str, int, str], Member]
    lane_of: Callable[[FrameStream], Lane]
    frame_kinds: Mapping[str, FrameOps]


def kind_of(spec: NodeSpec, stream_names: Sequence[str], *, is_fused: bool) -> Kind:
    """How a node with streams on these inputs takes part; `is_fused`: the planner made it a part of a chain."""
    roles = spec.streams or _NO_ROLES
    if roles.drains and (stream_names or is_fused):
        return Kind.DRAIN
    if roles.opens and (stream_names or is_fused):
        return Kind.OPEN
    if roles.frame_wise and (is_fused or stream_names) and set(stream_names) <= set(roles.frame_wise):
        return Kind.FRAME_WISE if _can_fuse(spec) else Kind.COLLECT
    if not stream_names or roles.explicit_slots:
        return Kind.CALL
    explicit = [name for name in stream_names if name in roles.explicit_inputs]
    if explicit:
        if roles.passes_any:
            return Kind.CALL
        return Kind.DRAIN if roles.steps else Kind.BATON
    types = {name: _types(spec, name) for name in stream_names}
    if all("VIDEO" in kinds for kinds in types.values()):
        return Kind.BATON
    return Kind.COLLECT if any(kinds & STREAMABLE_TYPES for kinds in types.values()) else Kind.CALL


class Opening:
    """One node on its way to being opened."""

    def __init__(self, plan: CallPlan, kind: Kind, wiring: Wiring) -> None:
        self._plan, self._wiring = plan, wiring
        self.kind = kind
        self.members: list[Member] = []

    @property
    def plan(self) -> CallPlan:
        """The node's plan with this in place of its behaviour."""
        return dataclasses.replace(self._plan, spec=dataclasses.replace(self._plan.spec, behaviour=self))  # type: ignore[arg-type]

    def call(self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
        """Stands in for the behaviour's `call`: one list index of the node."""
        context = get_executing_context()
        index = 0 if context is None or context.list_index is None else context.list_index
        plan = self._plan
        roles = plan.spec.streams or _NO_ROLES
        member = self._wiring.new_member(plan.node_id, index, plan.spec.class_type)
        self.members.append(member)
        member.shows = roles.has_output_role
        if self.kind is Kind.FRAME_WISE:
            return self._frame_wise(member, inputs, hidden)
        if self.kind is Kind.COLLECT:
            return self._collect(member, inputs, hidden)
        if self.kind is Kind.GRAINS:
            return self._in_grains(inputs, hidden)
        arguments = {name: self._readable(member, value) for name, value in inputs.items()}
        behaviour = plan.spec.behaviour
        if self.kind is Kind.DRAIN:
            for name in roles.stream_inputs:
                self._as_stream(member, arguments, name)
            made = lambda: behaviour.drain_stream(instance, arguments, hidden)  # noqa: E731 - both sinks take it
            member.sink = AsyncGeneratorSink(made) if roles.steps_async else GeneratorSink(made)
        elif self.kind is Kind.BATON:
            work = lambda: behaviour.call(instance, arguments, hidden)  # noqa: E731
            member.sink = BatonSink(work, f"node {plan.node_id}", is_async=plan.spec.is_async)
        elif self.kind is Kind.OPEN:
            for name in roles.stream_inputs:
                self._as_stream(member, arguments, name)
            return behaviour.open_stream(instance, arguments, hidden)
        else:
            return behaviour.call(instance, arguments, hidden)
        asked = arguments.get("chunk_size", arguments.get("batch_size"))
        member.asks = asked if isinstance(asked, int) else None
        return PendingSink(member)

    # ---- parts ----------------------------------------------------------------------------------------------------

    def _frame_wise(self, member: Member, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
        plan, spec = self._plan, self._plan.spec
        assert spec.streams is not None
        per_frame: dict[str, tuple[FrameOps, Any]] = {}
        for name in spec.streams.frame_wise:
            value = inputs.get(name)
            held = streams_in(value) if value is not None else ()
            if held:
                branch = Branch(self._wiring.lane_of(held[0]), member)
                member.inputs.append(branch)
                per_frame[name] = (branch.lane.ops, branch)
            elif value is not None:
                per_frame[name] = (self._ops_of(spec.inputs_for(inputs)[name].type), None)
        lengths = {
            ops.length(inputs[name]) if port is None else port.source.frame_count
            for name, (ops, port) in per_frame.items()
        }
        if len(lengths - {1, None}) > 1:
            # Different lengths: what comes of that is the ordinary function's to say.
            for branch in member.inputs:
                branch.release()
            member.inputs.clear()
            return self._collect(member, inputs, hidden)
        instance, behaviour = plan.instance, spec.behaviour

        def call(arguments: dict[str, Any]) -> Sequence[Any]:
            return as_row(behaviour.call(instance, arguments, hidden), len(spec.outputs))

        lanes = {
            slot: self._ops_of(output.type)
            for slot, output in enumerate(spec.outputs)
            if any(kind in self._wiring.frame_kinds for kind in _type_set(output.type))
        }
        size = self._dimensions(member, inputs)
        group = FrameWise(plan.node_id, call, inputs, per_frame, lanes, spec.streams.grain, size)
        return tuple(group.streams.get(slot) for slot in range(len(spec.outputs)))

    def _dimensions(self, member: Member, inputs: Mapping[str, Any]) -> tuple[int, int] | None:
        """(width, height) of a frame-wise node's frames, where it says how they follow from what goes in."""
        plan, spec = self._plan, self._plan.spec
        known = next((branch.source.get_dimensions() for branch in member.inputs), None)
        if known is None or spec.streams is None or not spec.streams.shapes:
            return None
        try:
            shape = spec.behaviour.stream_shape(plan.instance, (known[1], known[0], 3), inputs)
        except Exception as error:  # an author's estimate: the run goes on without it
            logger.warning("node %s: its stream_shape raised %r", plan.node_id, error)
            return None
        return None if shape is None else (int(shape[1]), int(shape[0]))

    def _in_grains(self, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
        """The ordinary run of a node with a grain: the same calls as the streamed run makes, joined to batches."""
        spec, instance = self._plan.spec, self._plan.instance
        roles = spec.streams or _NO_ROLES
        assert roles.grain is not None
        ops = {
            n: self._ops_of(spec.inputs_for(inputs)[n].type)
            for n in roles.frame_wise
            if inputs.get(n) is not None
        }
        frames = max((o.length(inputs[name]) for name, o in ops.items()), default=0)
        rows = []
        for start in range(0, frames, roles.grain):
            stop = min(frames, start + roles.grain)
            chunks = {
                n: o.cut(inputs[n], start, stop) for n, o in ops.items() if o.length(inputs[n]) == frames
            }
            result = spec.behaviour.call(instance, {**inputs, **chunks}, hidden)
            rows.append(as_row(result, len(spec.outputs)))
        if not rows:
            return spec.behaviour.call(instance, inputs, hidden)
        return tuple(
            self._ops_of(output.type).join([row[slot] for row in rows])
            if any(kind in self._wiring.frame_kinds for kind in _type_set(output.type))
            else rows[0][slot]
            for slot, output in enumerate(spec.outputs)
        )

    def _collect(self, member: Member, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> PendingSink:
        plan = self._plan
        branches = {}
        for name, value in inputs.items():
            held = streams_in(value)
            if held:
                branches[name] = Branch(self._wiring.lane_of(held[0]), member)
        member.inputs += branches.values()
        behaviour, instance = plan.spec.behaviour, plan.instance
        member.sink = GeneratorSink(
            lambda: collected(
                branches, lambda batches: behaviour.call(instance, {**inputs, **batches}, hidden)
            )
        )
        return PendingSink(member)

    def _readable(self, member: Member, value: Any) -> Any:
        """A value with a reader of this member in place of each stream; lists are looked into."""
        if type(value) is list:
            return [self._readable(member, item) for item in value] if any(map(streams_in, value)) else value
        held = streams_in(value)
        if not held:
            return value
        readers = []
        for stream in held:
            branch = Branch(self._wiring.lane_of(stream), member)
            member.inputs.append(branch)
            readers.append(branch.lane.ops.reader(branch))
        return with_streams(value, readers)

    def _as_stream(self, member: Member, arguments: dict[str, Any], name: str) -> None:
        """Wraps a batch on an input that is to be a stream; values that hold streams and VIDEOs stay."""
        value = arguments.get(name)
        if value is None or streams_in(value) or type(value) is list:
            return
        kinds = _types(self._plan.spec, name)
        known = [self._wiring.frame_kinds[kind] for kind in sorted(kinds) if kind in self._wiring.frame_kinds]
        if known and not kinds & STREAM_TYPES:
            arguments[name] = known[0].batch_stream(value)

    def _ops_of(self, socket_type: Any) -> FrameOps:
        return next(
            self._wiring.frame_kinds[kind]
            for kind in sorted(_type_set(socket_type))
            if kind in self._wiring.frame_kinds
        )


def as_row(result: Any, num_outputs: int) -> Sequence[Any]:
    """Outputs by slot of one call that returned in the V1 form."""
    if isinstance(result, dict):
        result = result.get("result", ())
    if not isinstance(result, tuple | list):
        result = (result,)
    return [result[i] if i < len(result) else None for i in range(num_outputs)]


def original_of(stream: FrameStream) -> FrameStream:
    """The stream that a forwarded reader stands for."""
    port = port_of(stream)
    return stream if port is None else port.source


def _can_fuse(spec: NodeSpec) -> bool:
    return not spec.is_async and any(_type_set(output.type) & STREAMABLE_TYPES for output in spec.outputs)


def _types(spec: NodeSpec, name: str) -> frozenset[str]:
    entry = spec.inputs.get(name)
    return frozenset() if entry is None else _type_set(entry.type)


def _type_set(kind: Any) -> frozenset[str]:
    return frozenset(part.strip() for part in kind.split(",")) if isinstance(kind, str) else frozenset()
