"""Lifecycle of a node within one prompt: states, moves, the table, and what scheduler and driver tell each other.

`TRANSITIONS` is the only place where a move is legal or not; `docs/engine.md` draws its diagram from it. Events go
into `Scheduler.handle`, instructions come out of `Scheduler.next`.

Two kinds of work: *open a node* (call its function; values it returned may be used at once) and *drive a region*
(step a set of opened nodes to their end and close them). An ordinary node is opened and finished in one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class NodeState(Enum):
    """Where a node of the plan stands."""

    WAITING = "waiting"
    """At least one value it needs is not there."""
    READY = "ready"
    """Everything is there; it is in the ready heap."""
    OPENING = "opening"
    """Its function is being called (an async one may take its time)."""
    EXPANDED = "expanded"
    """Its function returned a graph; some of that graph's results are not there."""
    RESOLVED = "resolved"
    """The results of its expansion are there; it is in the ready heap again."""
    OPENED = "opened"
    """Its function returned streams: early values may be used, late ones come when it was driven."""
    DRIVING = "driving"
    """It is a member of a region that is being driven."""
    FINISHED = "finished"
    """All its values are there. Terminal."""
    FAILED = "failed"
    """It raised. Terminal; it ends the prompt."""


class Move(Enum):
    """What happens to a node."""

    INPUTS_READY = "inputs ready"
    STARTED = "started"
    INPUTS_REQUESTED = "inputs requested"
    EXPANDED = "expanded"
    OPENED = "opened"
    DRIVE_STARTED = "drive started"
    FINISHED = "finished"
    FAILED = "failed"


TRANSITIONS: dict[NodeState, dict[Move, NodeState]] = {
    NodeState.WAITING: {Move.INPUTS_READY: NodeState.READY},
    NodeState.READY: {Move.STARTED: NodeState.OPENING},
    NodeState.OPENING: {
        Move.INPUTS_REQUESTED: NodeState.WAITING,
        Move.EXPANDED: NodeState.EXPANDED,
        Move.OPENED: NodeState.OPENED,
        Move.FINISHED: NodeState.FINISHED,
        Move.FAILED: NodeState.FAILED,
    },
    NodeState.EXPANDED: {Move.INPUTS_READY: NodeState.RESOLVED, Move.FAILED: NodeState.FAILED},
    NodeState.RESOLVED: {
        Move.OPENED: NodeState.OPENED,
        Move.FINISHED: NodeState.FINISHED,
        Move.FAILED: NodeState.FAILED,
    },
    NodeState.OPENED: {Move.DRIVE_STARTED: NodeState.DRIVING, Move.FAILED: NodeState.FAILED},
    NodeState.DRIVING: {Move.FINISHED: NodeState.FINISHED, Move.FAILED: NodeState.FAILED},
    NodeState.FINISHED: {},
    NodeState.FAILED: {},
}


class Outcome(Enum):
    """How a prompt ended."""

    SUCCESS = "success"
    ERROR = "error"
    INTERRUPTED = "interrupted"
    CYCLE = "cycle"


# ---- events: what the driver reports -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """All values of the node are there (opened and finished in one step, or collected from its expansion)."""

    node_id: str


@dataclass(frozen=True, slots=True)
class NodeOpened:
    """The node's function returned, and it must be driven. Values of `late_slots` come only when it finished.

    `stream_slots` hold streams: who reads them belongs to the node's region (None: every slot that is not late).
    """

    node_id: str
    late_slots: frozenset[int] = frozenset()
    stream_slots: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class InputsRequested:
    """A lazy node wants these inputs before it is called again."""

    node_id: str
    input_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeExpanded:
    """The node returned a graph: where its results come from, and which new nodes run for their own sake."""

    node_id: str
    results: tuple[tuple[str, int], ...]
    output_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionFinished:
    """A driven region is closed; all its members are finished."""

    node_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """The node raised; nothing further is started."""

    node_id: str


@dataclass(frozen=True, slots=True)
class PromptInterrupted:
    """The user asked to stop; `node_id` is where it was noticed."""

    node_id: str


Event = (
    NodeFinished
    | NodeOpened
    | InputsRequested
    | NodeExpanded
    | RegionFinished
    | NodeFailed
    | PromptInterrupted
)


# ---- instructions: what the driver is to do ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenNode:
    """Call the node's function (or announce its cached result)."""

    node_id: str


@dataclass(frozen=True, slots=True)
class CollectExpansion:
    """Put the results of the node's expansion together; they are the node's own."""

    node_id: str


@dataclass(frozen=True, slots=True)
class DriveRegion:
    """Step these opened nodes to their end and close them, together."""

    node_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be started before a node that is running reports."""


@dataclass(frozen=True, slots=True)
class EndPrompt:
    """Nothing is left to do. `node_ids`: the failed or interrupted node, or the nodes of a cycle."""

    outcome: Outcome
    node_ids: tuple[str, ...] = ()


Instruction = OpenNode | CollectExpansion | DriveRegion | Wait | EndPrompt
