"""Decides what happens next in one prompt. Pure: no await, clock, thread, lock, value or node class.

`handle(event)` is the only entrance that changes anything; `next()` says what to do now. The driver
(`comfy_execution.executor`) carries instructions out and reports back. Going around `handle` breaks the counters
that make every decision constant time, and shows up as an InvariantError later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from comfy_execution.errors import InvariantError
from comfy_execution.graph import DependencyGraph, GraphView, PlannedNode
from comfy_execution.states import (
    TRANSITIONS,
    CollectExpansion,
    DriveRegion,
    EndPrompt,
    Event,
    InputsRequested,
    Instruction,
    Move,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    NodeOpened,
    NodeState,
    OpenNode,
    Outcome,
    PromptInterrupted,
    RegionFinished,
    Wait,
)

_WAIT = Wait()
_TERMINAL = frozenset({NodeState.FINISHED, NodeState.FAILED})


class Scheduler:
    """State of all planned nodes of one prompt."""

    def __init__(self, view: GraphView, output_ids: Iterable[str]) -> None:
        self.graph = DependencyGraph(view)
        self._story: list[tuple[str, Move, NodeState]] = []
        self._end: EndPrompt | None = None
        self._running = 0
        self._unfinished = 0
        self._opened: dict[str, PlannedNode] = {}
        self._free: list[str] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            NodeFinished: self._finished,
            NodeOpened: self._node_opened,
            InputsRequested: self._inputs_requested,
            NodeExpanded: self._expanded,
            RegionFinished: self._region_finished,
            NodeFailed: self._failed,
            PromptInterrupted: self._interrupted,
        }
        free: list[PlannedNode] = []
        for output_id in output_ids:
            free += self._plan(output_id)
        self._make_ready(free)

    @property
    def num_running(self) -> int:
        """Nodes whose function is being called, and regions being driven."""
        return self._running

    def take_free(self) -> list[str]:
        """Nodes whose results no planned node needs any more, since the last time this was asked."""
        free, self._free = self._free, []
        return free

    def story(self, node_id: str) -> tuple[str, ...]:
        """What happened to one node so far, in words."""
        return tuple(f"{move.value}->{state.value};" for at, move, state in self._story if at == node_id)

    def handle(self, event: Event) -> None:
        """Takes one report of the driver.

        Raises: InvariantError for a move the table does not know; NodeNotFoundError when an expansion or a lazy
        input leads to a node that is not there.
        """
        self._handlers[type(event)](event)

    def next(self) -> Instruction:
        """What to do now. Starting a node or a region is recorded as done by asking."""
        if self._end is not None:
            return self._end
        node = self.graph.pop_ready()
        if node is not None:
            if node.state is NodeState.RESOLVED:
                return CollectExpansion(node.node_id)
            self._move(node, Move.STARTED)
            self._running += 1
            return OpenNode(node.node_id)
        region = self._drivable_region()
        if region:
            for member in region:
                self._move(member, Move.DRIVE_STARTED)
                del self._opened[member.node_id]
            self._running += 1
            return DriveRegion(tuple(member.node_id for member in region))
        if self._running:
            return _WAIT
        if self._unfinished:
            return self._finish(Outcome.CYCLE, self.graph.find_cycle())
        return self._finish(Outcome.SUCCESS)

    def validate(self) -> None:
        """Checks the counters against the nodes. For tests; linear in the size of the plan.

        Raises: InvariantError.
        """
        for node in self.graph:
            waiting = sum(not source.value_is_there(slot) for source, slot in node.sources)
            if waiting != node.waiting_for and node.state not in _TERMINAL:
                raise InvariantError(
                    node.node_id, node.state, f"{waiting} != {node.waiting_for}", self.story(node.node_id)
                )
        unfinished = sum(node.state not in _TERMINAL for node in self.graph)
        if unfinished != self._unfinished:
            raise InvariantError("", "unfinished", f"{unfinished} != {self._unfinished}")

    # ---- events ---------------------------------------------------------------------------------------------------

    def _finished(self, event: NodeFinished) -> None:
        node = self.graph[event.node_id]
        self._running -= node.state is NodeState.OPENING
        self._close(node)

    def _node_opened(self, event: NodeOpened) -> None:
        node = self.graph[event.node_id]
        self._running -= node.state is NodeState.OPENING
        self._move(node, Move.OPENED)
        node.late_slots, node.stream_slots = event.late_slots, event.stream_slots
        self._opened[node.node_id] = node
        self._make_ready(self.graph.release(node))

    def _inputs_requested(self, event: InputsRequested) -> None:
        node = self.graph[event.node_id]
        self._move(node, Move.INPUTS_REQUESTED)
        self._running -= 1
        free: list[PlannedNode] = []
        for name in event.input_names:
            dependency = node.lazy.pop(name, None)
            if dependency is not None:
                free += self._need(node, dependency.source_id, dependency.slot)
        self._make_ready(free)
        if not node.waiting_for:
            self._make_ready([node])

    def _expanded(self, event: NodeExpanded) -> None:
        node = self.graph[event.node_id]
        self._move(node, Move.EXPANDED)
        self._running -= 1
        free: list[PlannedNode] = []
        for output_id in event.output_ids:
            free += self._plan(output_id)
        for source_id, slot in event.results:
            free += self._need(node, source_id, slot)
        self._make_ready(free)
        if not node.waiting_for:
            self._make_ready([node])

    def _region_finished(self, event: RegionFinished) -> None:
        self._running -= 1
        for node_id in event.node_ids:
            self._close(self.graph[node_id])

    def _failed(self, event: NodeFailed) -> None:
        node = self.graph[event.node_id]
        self._move(node, Move.FAILED)
        self._unfinished -= 1
        self._finish(Outcome.ERROR, (event.node_id,))

    def _interrupted(self, event: PromptInterrupted) -> None:
        self._finish(Outcome.INTERRUPTED, (event.node_id,))

    # ---- parts ----------------------------------------------------------------------------------------------------

    def _move(self, node: PlannedNode, move: Move) -> None:
        state = TRANSITIONS[node.state].get(move)
        if state is None:
            raise InvariantError(node.node_id, node.state.value, move.value, self.story(node.node_id))
        node.state = state
        self._story.append((node.node_id, move, state))

    def _plan(self, node_id: str) -> list[PlannedNode]:
        before = self.graph.num_created
        free = self.graph.plan(node_id)
        self._unfinished += self.graph.num_created - before
        return free

    def _need(self, node: PlannedNode, source_id: str, slot: int) -> list[PlannedNode]:
        before = self.graph.num_created
        free = self.graph.need(node, source_id, slot)
        self._unfinished += self.graph.num_created - before
        return free

    def _make_ready(self, nodes: Iterable[PlannedNode]) -> None:
        for node in nodes:
            self._move(node, Move.INPUTS_READY)
            self.graph.push_ready(node)

    def _close(self, node: PlannedNode) -> None:
        self._move(node, Move.FINISHED)
        self._unfinished -= 1
        self._make_ready(self.graph.release(node))
        self._free += self.graph.let_go(node)

    def _finish(self, outcome: Outcome, node_ids: tuple[str, ...] = ()) -> EndPrompt:
        if self._end is None:
            self._end = EndPrompt(outcome, node_ids)
        return self._end

    def _drivable_region(self) -> list[PlannedNode]:
        """Opened nodes that hang together, sources first, once no consumer of their early values is to be opened."""
        seen: set[str] = set()
        for start in self._opened.values():
            if start.node_id in seen:
                continue
            members, pending = self.graph.region_of(start)
            seen |= members
            if pending is None:
                return [node for node in self._opened.values() if node.node_id in members]
        return []
