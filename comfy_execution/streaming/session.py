"""The streams of one prompt: opens members, registers their outputs, drives regions, closes what is left.

`run` talks to this and to nothing else here. Values with streams stay here while their region lives; what outlasts it
(early and late values, files, ui) goes to the results like every node's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from comfy_execution.interrupts import InterruptWatch
from comfy_execution.node_runner import CallPlan
from comfy_execution.streaming.contract import FrameStream, port_of, streams_in, with_streams
from comfy_execution.streaming.drive import Drive
from comfy_execution.streaming.member import Member
from comfy_execution.streaming.opening import Kind, Opening, PendingSink, Wiring, kind_of, original_of
from comfy_execution.streaming.policy import StreamPolicy, TeeBudget
from comfy_execution.streaming.producers import GroupProducer, SingleProducer
from comfy_execution.streaming.stepper import Failure
from comfy_execution.streaming.tee import Lane, Producer, Tee

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class OpenNode:
    """A node between its opening and the end of its region."""

    node_id: str
    outputs: list[list[Any]] = field(default_factory=list)
    stream_slots: frozenset[int] = frozenset()
    ui: Mapping[str, Any] | None = None
    members: list[Member] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    """Results of a sink's calls, by list index."""
    num_pending: int = 0
    is_wire: bool = False
    """A cached interposer: it only passes on, and is shown as cached."""
    shown: tuple[int, int] = (0, 0)
    """Progress that clients know: frames, and frames in all."""
    has_shown: bool = False
    """Its ui went out already."""


class SessionEvents(Protocol):
    """What the run is told."""

    def sink_finished(self, node_id: str, rows: Sequence[Any]) -> None:
        """All calls of a sink node have returned; their results in the V1 form."""

    def frames_moved(self, node_id: str, value: int, total: int) -> None:
        """A node made or took so many frames of so many."""

    async def between_steps(self) -> bool:
        """Lets async nodes go on; False when the prompt is to end."""


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """What a region did, for `explain` and for tests."""

    node_ids: tuple[str, ...]
    chunk_frames: int
    steps_s: float
    peak_tee_frames: int
    spilled_frames: int
    frames: Mapping[str, int]


class StreamSession:
    """Streams of one prompt."""

    def __init__(self, prompt_id: str, policy: StreamPolicy, events: SessionEvents) -> None:
        self.policy = policy
        self.facts: list[RegionFacts] = []
        self._prompt_id, self._events = prompt_id, events
        self._budget = TeeBudget(policy)
        self._nodes: dict[str, OpenNode] = {}
        self._lanes: dict[int, Lane] = {}
        self._tees: list[Tee] = []
        self._openings: dict[str, Opening] = {}
        self._num_members = 0
        self._wiring = Wiring(self._new_member, self.lane_of, policy.frame_kinds)

    @property
    def is_active(self) -> bool:
        """Some node is open: an input may be a stream."""
        return bool(self._nodes)

    # ---- opening --------------------------------------------------------------------------------------------------

    def opening(self, plan: CallPlan, inputs: Mapping[str, list[Any]], *, is_fused: bool) -> Opening | None:
        """How a node with these inputs is opened, None for an ordinary call."""
        names = []
        if self._nodes:
            names = [name for name, values in inputs.items() if any(map(_holds, values))]
        roles = plan.spec.streams
        if names or is_fused:
            kind = kind_of(plan.spec, names, is_fused=is_fused)
        elif roles is not None and roles.grain is not None and roles.frame_wise and not plan.spec.is_async:
            kind = Kind.GRAINS
        else:
            return None
        opening = Opening(plan, kind, self._wiring)
        self._openings[plan.node_id] = opening
        return opening

    def sinks_opened(self, node_id: str, returned: Sequence[Any]) -> bool:
        """Keeps a node whose calls are sinks. False for every other node."""
        opening = self._openings.get(node_id)
        if opening is None or not any(isinstance(item, PendingSink) for item in returned):
            return False
        node = OpenNode(node_id, rows=list(returned), members=opening.members)
        node.num_pending = sum(isinstance(item, PendingSink) for item in returned)
        self._nodes[node_id] = node
        return True

    def streams_opened(
        self, node_id: str, class_type: str, outputs: list[list[Any]], ui: Mapping[str, Any] | None
    ) -> OpenNode | None:
        """Keeps a node whose outputs hold streams. None for every other node."""
        if not holds_streams(outputs):
            return None
        opening = self._openings.get(node_id)
        node = OpenNode(node_id, ui=ui, members=opening.members if opening is not None else [])
        if not node.members:
            calls = max(len(values) for values in outputs)
            node.members += [self._new_member(node_id, i, class_type) for i in range(calls)]
        node.outputs = [[self._registered(node, i, value) for i, value in enumerate(vs)] for vs in outputs]
        node.stream_slots = frozenset(s for s, vs in enumerate(node.outputs) if any(map(_holds, vs)))
        for member in node.members:
            if not member.tees:
                # It only hands on what it was given; the frames are read further down.
                member.release_inputs()
        self._nodes[node_id] = node
        return node

    def wire_opened(self, node_id: str, outputs: list[list[Any]], ui: Mapping[str, Any] | None) -> OpenNode:
        """Keeps a cached interposer whose frames go through unchanged."""
        slots = frozenset(s for s, vs in enumerate(outputs) if any(map(_holds, vs)))
        node = self._nodes[node_id] = OpenNode(node_id, outputs, slots, ui, is_wire=True)
        return node

    def expanded(self, node_id: str) -> None:
        """The node became a graph: what it was given to read it does not read itself."""
        opening = self._openings.pop(node_id, None)
        for member in opening.members if opening is not None else ():
            member.release_inputs()

    def outputs(self, node_id: str) -> Sequence[Any] | None:
        """Output lists of an opened node, None in place of a late one; None when the node is not open."""
        node = self._nodes.get(node_id)
        return None if node is None else node.outputs

    def lane_of(self, stream: FrameStream) -> Lane:
        """The lane behind a stream value."""
        stream = original_of(stream)
        lane = self._lanes.get(id(stream))
        if lane is None:
            self._register(self._new_member("", 0, type(stream).__name__), stream)
            lane = self._lanes[id(stream)]
        return lane

    # ---- driving --------------------------------------------------------------------------------------------------

    async def drive(self, node_ids: Sequence[str], watch: InterruptWatch) -> Failure | None:
        """Drives the members of these nodes, one connected component after the other; the first failure."""
        members = [member for node_id in node_ids for member in self._nodes[node_id].members]
        for component in _components(members):
            drive = Drive(component, self.policy, self._budget, self, watch)
            started = time.perf_counter()
            await drive.run()
            self._note(drive, time.perf_counter() - started)
            if drive.failure is not None:
                return drive.failure
        return None

    def take_finished(self, node_id: str) -> OpenNode | None:
        """The node when its region was driven; None when it is finished already."""
        node = self._nodes.pop(node_id, None)
        if node is not None:
            uis = [ui for member in node.members for ui in member.ui]
            if uis:
                keys = dict.fromkeys(key for ui in uis for key in ui)
                node.ui = {key: [item for ui in uis for item in ui.get(key, ())] for key in keys}
        return node

    def close(self) -> None:
        """Closes what was opened and never driven. Raises nothing."""
        for tee in reversed(self._tees):
            if not tee.is_closed:
                try:
                    tee.close(aborted=True)
                except Exception:
                    logger.warning(
                        "node %s raised while its stream was closed", tee.member.name, exc_info=True
                    )
        self._tees.clear()
        self._lanes.clear()
        self._nodes.clear()
        self._openings.clear()

    # ---- what drives report ---------------------------------------------------------------------------------------

    def sink_returned(self, member: Member, value: Any) -> None:
        """One call of a sink node is done."""
        node = self._nodes[member.node_id]
        node.rows[member.index] = value
        node.num_pending -= 1
        self._show([node])
        if not node.num_pending:
            del self._nodes[member.node_id]
            self._events.sink_finished(member.node_id, node.rows)

    def progressed(self, members: Sequence[Member]) -> None:
        """Shows how far the nodes of these members are."""
        node_ids = dict.fromkeys(member.node_id for member in members)
        self._show([self._nodes[node_id] for node_id in node_ids if node_id in self._nodes])

    async def between_steps(self) -> bool:
        """Lets async nodes go on; False when the prompt is to end."""
        return await self._events.between_steps()

    # ---- parts ----------------------------------------------------------------------------------------------------

    def _show(self, nodes: Iterable[OpenNode]) -> None:
        for node in nodes:
            value = sum(member.frames for member in node.members)
            totals = [member.total for member in node.members]
            known = [total for total in totals if total is not None]
            has_ended = all(member.has_ended for member in node.members)
            total = sum(known) if known and len(known) == len(totals) else value + 1
            shown = (value, value if has_ended else max(value, total))
            if value and shown != node.shown:
                node.shown = shown
                self._events.frames_moved(node.node_id, *shown)

    def _new_member(self, node_id: str, index: int, class_type: str) -> Member:
        self._num_members += 1
        return Member(self._prompt_id, node_id, index, class_type, self._num_members)

    def _registered(self, node: OpenNode, index: int, value: Any) -> Any:
        """An output value with the streams themselves in place of readers that the node hands on."""
        held = streams_in(value)
        if not held:
            return value
        originals = []
        for stream in held:
            original = original_of(stream)
            originals.append(original)
            if id(original) not in self._lanes:
                self._register(node.members[min(index, len(node.members) - 1)], original)
        return (
            with_streams(value, originals) if any(port_of(stream) is not None for stream in held) else value
        )

    def _register(self, member: Member, stream: FrameStream) -> None:
        group: Any = getattr(stream, "group", None)
        producer: Producer
        if group is None:
            streams, producer = [stream], SingleProducer(stream)
        else:
            found = group.streams
            streams = list(found.values() if isinstance(found, dict) else found)
            producer = GroupProducer(group)
        tee = Tee(member, producer, streams, self._budget, self.policy.check_chunks)
        member.tees.append(tee)
        self._tees.append(tee)
        for lane in tee.lanes:
            self._lanes[id(lane.stream)] = lane

    def _note(self, drive: Drive, seconds: float) -> None:
        lanes = [lane for member in drive.members for tee in member.tees for lane in tee.lanes]
        self.facts.append(
            RegionFacts(
                tuple(dict.fromkeys(member.node_id for member in drive.members)),
                drive.chunk_frames,
                seconds,
                max((lane.peak_frames for lane in lanes), default=0),
                sum(lane.spilled_frames for lane in lanes),
                {member.name: member.frames for member in drive.members},
            )
        )


def holds_streams(outputs: Iterable[Iterable[Any]]) -> bool:
    """Whether a stream is among these output values. Asked for every node that finishes: cheap for plain values."""
    for values in outputs:
        for value in values:
            kind = type(value)
            if (kind is list and _holds(value)) or (hasattr(kind, "held_streams") and value.held_streams()):
                return True
    return False


def _holds(value: Any) -> bool:
    if type(value) is list:
        return any(map(_holds, value))
    return bool(streams_in(value))


def _components(members: Sequence[Member]) -> list[list[Member]]:
    """Members that hang together by streams, each sources first; in the order of their list indices."""
    root: dict[Member, Member] = {member: member for member in members}

    def find(member: Member) -> Member:
        while root[member] is not member:
            root[member] = root[root[member]]
            member = root[member]
        return member

    for member in members:
        for branch in member.inputs:
            source = branch.lane.tee.member
            if source in root:
                root[find(member)] = find(source)
    groups: dict[Member, list[Member]] = {}
    for member in sorted(members, key=lambda member: member.order):
        groups.setdefault(find(member), []).append(member)
    return sorted(groups.values(), key=lambda group: (min(m.index for m in group), group[0].order))


MakeSession = Callable[[SessionEvents], StreamSession]
"""How a run gets its session."""
