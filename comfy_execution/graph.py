"""The dependency graph of a running prompt: who waits for whom, and who is next.

Every operation is linear in the edges it touches; the ready heap costs a logarithm. Order among ready nodes is
contract (websocket reference, "Order"): output and async nodes first, then nodes directly before an output, then two
before, then by the order in which they were planned (depth first from the outputs, last input first).

The module path is known to packs: the names re-exported at the top have their homes elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple, Protocol

from comfy_execution.errors import DependencyCycleError as DependencyCycleError
from comfy_execution.errors import NodeInputError as NodeInputError
from comfy_execution.errors import NodeNotFoundError as NodeNotFoundError
from comfy_execution.graph_utils import ExecutionBlocker as ExecutionBlocker
from comfy_execution.graph_utils import is_link as is_link
from comfy_execution.prompt import DynamicPrompt as DynamicPrompt
from comfy_execution.states import NodeState


class Dependency(NamedTuple):
    """One link into a node."""

    input_name: str
    source_id: str
    slot: int
    is_lazy: bool


class GraphView(Protocol):
    """What the graph asks about nodes it has not planned yet. Must answer from memory."""

    def dependencies(self, node_id: str) -> Iterable[Dependency]:
        """Links into the node, in the order of its inputs.

        Raises: NodeNotFoundError.
        """

    def is_output(self, node_id: str) -> bool:
        """Its class is an output node."""

    def is_async(self, node_id: str) -> bool:
        """Its work function is a coroutine function."""

    def has_values(self, node_id: str) -> bool:
        """Its whole result is at hand (cached or finished), so nobody has to wait for it."""

    def has_value(self, node_id: str, slot: int) -> bool:
        """This output is at hand. Of a node that streamed some outputs are, those that were streams are not."""


@dataclass(slots=True, eq=False)
class PlannedNode:
    """A node of the plan. Only the graph and the scheduler write here."""

    node_id: str
    is_output: bool
    is_async: bool
    order: int = -1
    state: NodeState = NodeState.WAITING
    waiting_for: int = 0
    feeds_output: bool = False
    feeds_feeder: bool = False
    rank: int = 3
    dependents: list[tuple[PlannedNode, int]] = field(default_factory=list)
    sources: list[tuple[PlannedNode, int]] = field(default_factory=list)
    lazy: dict[str, Dependency] = field(default_factory=dict)
    late_slots: frozenset[int] = frozenset()
    stream_slots: frozenset[int] | None = None
    readers: list[PlannedNode] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)

    def value_is_there(self, slot: int) -> bool:
        """Whether a consumer of this output can go on."""
        if self.state is NodeState.FINISHED:
            return True
        return self.state in (NodeState.OPENED, NodeState.DRIVING) and slot not in self.late_slots

    def streams(self, slot: int) -> bool:
        """Whether this output of an opened node is a stream, so that its readers belong to the node's region."""
        return self.stream_slots is None or slot in self.stream_slots


class DependencyGraph:
    """Nodes that have to run, their edges, and the heap of those that could run now."""

    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._nodes: dict[str, PlannedNode] = {}
        self._ready: list[tuple[int, int, PlannedNode]] = []
        self._consumers: dict[str, int] = {}
        self._planned = 0
        self.num_created = 0

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __getitem__(self, node_id: str) -> PlannedNode:
        return self._nodes[node_id]

    def __iter__(self) -> Iterator[PlannedNode]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def plan(self, node_id: str) -> list[PlannedNode]:
        """Adds a node and all that it needs; returns the new nodes that wait for nothing.

        A node whose values are at hand is added only when it is asked for itself.
        Raises: NodeNotFoundError.
        """
        free: list[PlannedNode] = []
        if node_id in self._nodes and self._view.has_values(node_id):
            return free
        stack = [self._node(node_id)]
        while stack:
            node = stack.pop()
            if node.order >= 0:
                continue
            node.order = self._planned
            self._planned += 1
            if self._view.has_values(node.node_id):
                free.append(node)
                continue
            for dependency in self._view.dependencies(node.node_id):
                self._hold(node, dependency.source_id)
                if dependency.is_lazy:
                    node.lazy[dependency.input_name] = dependency
                else:
                    self._need(node, dependency.source_id, dependency.slot, stack)
            if not node.waiting_for:
                free.append(node)
        return free

    def need(self, node: PlannedNode, source_id: str, slot: int) -> list[PlannedNode]:
        """Makes `node` wait for one more output, unless it is there; returns new free nodes as `plan` does."""
        stack: list[PlannedNode] = []
        self._hold(node, source_id)
        self._need(node, source_id, slot, stack)
        return self.plan(source_id) if stack else []

    def let_go(self, node: PlannedNode) -> list[str]:
        """Called when a node is finished: ids of the sources that no planned node needs any more."""
        free: list[str] = []
        for source_id in node.needs:
            self._consumers[source_id] -= 1
            if not self._consumers[source_id]:
                free.append(source_id)
        node.needs = []
        if not self._consumers.get(node.node_id):
            free.append(node.node_id)
        return free

    def release(self, node: PlannedNode) -> list[PlannedNode]:
        """Frees the edges out of a node that was opened or finished; returns the nodes that waited only for it."""
        freed: list[PlannedNode] = []
        late: list[tuple[PlannedNode, int]] = []
        for edge in node.dependents:
            dependent, slot = edge
            if not node.value_is_there(slot):
                late.append(edge)
                continue
            dependent.waiting_for -= 1
            if not dependent.waiting_for:
                freed.append(dependent)
            if node.state is NodeState.OPENED and node.streams(slot):
                node.readers.append(dependent)
        node.dependents = late
        return freed

    def push_ready(self, node: PlannedNode) -> None:
        """Puts a node into the ready heap."""
        node.rank = _rank(node)
        heappush(self._ready, (node.rank, node.order, node))

    def pop_ready(self) -> PlannedNode | None:
        """Takes the next node out of the heap."""
        while self._ready:
            rank, _, node = heappop(self._ready)
            if rank == node.rank and node.state in (NodeState.READY, NodeState.RESOLVED):
                return node
        return None

    def region_of(self, start: PlannedNode) -> tuple[set[str], PlannedNode | None]:
        """Opened nodes that hang together with `start`, and a reader of theirs that is still to be opened."""
        members, stack = {start.node_id}, [start]
        pending: PlannedNode | None = None
        while stack:
            node = stack.pop()
            upstream = [
                source
                for source, slot in node.sources
                if source.state is NodeState.OPENED and source.value_is_there(slot) and source.streams(slot)
            ]
            for other in upstream + node.readers:
                if other.state is NodeState.OPENED:
                    if other.node_id not in members:
                        members.add(other.node_id)
                        stack.append(other)
                elif other.state not in (NodeState.FINISHED, NodeState.FAILED):
                    pending = other
        return members, pending

    def find_cycle(self) -> tuple[str, ...]:
        """Ids along one cycle, when nothing is ready or running and no region can be driven, but nodes still wait."""
        stuck = next((node for node in self if node.waiting_for), None)
        path: list[PlannedNode] = []
        seen: dict[int, int] = {}
        while stuck is not None and id(stuck) not in seen:
            seen[id(stuck)] = len(path)
            path.append(stuck)
            stuck = self._what_stops(stuck)
        return tuple(node.node_id for node in path[seen[id(stuck)] :]) if stuck is not None else ()

    def _what_stops(self, node: PlannedNode) -> PlannedNode | None:
        """A source whose value is missing; for an opened node, the consumer that its region waits for."""
        if node.state is NodeState.OPENED:
            return self.region_of(node)[1]
        return next((source for source, slot in node.sources if not source.value_is_there(slot)), None)

    def _node(self, node_id: str) -> PlannedNode:
        """The node of the plan; a new one when it is unknown, or finished with its result given up since."""
        node = self._nodes.get(node_id)
        if node is None or node.state is NodeState.FINISHED:
            node = PlannedNode(node_id, self._view.is_output(node_id), self._view.is_async(node_id))
            self._nodes[node_id] = node
            self.num_created += 1
        return node

    def _hold(self, node: PlannedNode, source_id: str) -> None:
        node.needs.append(source_id)
        self._consumers[source_id] = self._consumers.get(source_id, 0) + 1

    def _need(self, node: PlannedNode, source_id: str, slot: int, stack: list[PlannedNode]) -> None:
        if self._view.has_value(source_id, slot):
            return
        source = self._node(source_id)
        if source.value_is_there(slot):
            if source.state is NodeState.OPENED and source.streams(slot):
                source.readers.append(node)
                node.sources.append((source, slot))
            return
        node.waiting_for += 1
        node.sources.append((source, slot))
        source.dependents.append((node, slot))
        self._raise_rank(source, node)
        if source.order < 0:
            stack.append(source)

    def _raise_rank(self, source: PlannedNode, dependent: PlannedNode) -> None:
        """Keeps the two closeness flags up to date; each flips once, so this is linear over all edges."""
        changed = []
        if dependent.is_output and not source.feeds_output:
            source.feeds_output = True
            changed.append(source)
            for upstream, _ in source.sources:
                upstream.feeds_feeder = True
                changed.append(upstream)
        if dependent.feeds_output and not source.feeds_feeder:
            source.feeds_feeder = True
            changed.append(source)
        for node in changed:
            if node.state in (NodeState.READY, NodeState.RESOLVED) and _rank(node) < node.rank:
                self.push_ready(node)


def _rank(node: PlannedNode) -> int:
    if node.is_output or node.is_async:
        return 0
    if node.feeds_output:
        return 1
    return 2 if node.feeds_feeder else 3


def get_input_info(
    class_def: Any, input_name: str, valid_inputs: dict[str, Any] | None = None
) -> tuple[Any, str, dict[str, Any]] | tuple[None, None, None]:
    """(type, "required" | "optional" | "hidden", options) of a V1 class's input; three None when undeclared."""
    declared: dict[str, Any] = valid_inputs or _input_types(class_def)
    for category in ("required", "optional", "hidden"):
        inputs = declared.get(category)
        if inputs is None or input_name not in inputs:
            continue
        entry = inputs[input_name]
        if isinstance(entry, str):
            return entry, category, {}
        return entry[0], category, entry[1] if len(entry) > 1 else {}
    return None, None, None


def _input_types(class_def: Any) -> dict[str, Any]:
    read: Callable[[], dict[str, Any]] = class_def.INPUT_TYPES
    return read()
