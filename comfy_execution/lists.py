"""Depth-first lists: a list-mapped chain of ordinary nodes runs item by item, so that the first picture is saved while
the second is still being made.

Only by option, or where the first item shows that the batches of all would exceed the budget (then items that nobody
outside needs are dropped as soon as they were used). Outputs, their order, ui lists and the messages of each node are
those of the ordinary run; how the nodes' messages interleave is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from comfy.interruption import InterruptProcessingException
from comfy_execution.graph import PlannedNode
from comfy_execution.graph_utils import ExecutionBlocker, is_link
from comfy_execution.inputs import Outputs, gather_inputs
from comfy_execution.node_runner import (
    CallPlan,
    NodeResult,
    OnBlocked,
    call_once,
    mapped_inputs,
    merge_results,
)
from comfy_execution.node_spec import NodeSpec
from comfy_execution.states import NodeState
from comfy_execution.streaming.planner import is_capable
from comfy_execution.streaming.policy import StreamMode, StreamPolicy


@dataclass(slots=True)
class ChainNode:
    """A node of a chain: what its calls returned, by index."""

    plan: CallPlan
    planned: PlannedNode
    node: Mapping[str, Any]
    returned: list[Any] = field(default_factory=list)
    droppable: frozenset[int] = frozenset()
    item: NodeResult | None = None

    @property
    def node_id(self) -> str:
        """Its id."""
        return self.plan.node_id


class ChainError(Exception):
    """What a node of a chain raised, with the node it came from. Fields: `node_id`, `error`, `inputs`."""

    def __init__(self, node_id: str, error: BaseException, inputs: Mapping[str, Any]) -> None:
        self.node_id, self.error = node_id, error
        self.inputs = {name: [value] for name, value in inputs.items()}
        super().__init__(str(error))


@dataclass(frozen=True, slots=True)
class ChainView:
    """What a chain asks of the run."""

    outputs: Callable[[str], Outputs | None]
    node: Callable[[str], Mapping[str, Any]]
    call_plan: Callable[[str], CallPlan]
    started: Callable[[str], None]
    on_blocked: Callable[[CallPlan], OnBlocked]


class ListChain:
    """The chain below one list-mapped node.

    `nodes` are its members, the head first; `left` those that left it in the middle (a node above them returned a
    graph): the rest of their calls is made in the ordinary order.
    """

    def __init__(self, head: ChainNode, num_items: int, view: ChainView, policy: StreamPolicy) -> None:
        self._head, self._view, self._policy = head, view, policy
        self._num_items = num_items
        self.nodes: dict[str, ChainNode] = {head.node_id: head}
        self.left: dict[str, ChainNode] = {}

    def run(self, head_inputs: Mapping[str, list[Any]]) -> list[Any]:
        """Runs item by item where that is asked for; what the head's calls returned. The others' are in their nodes.

        Raises: ChainError; InterruptProcessingException.
        """
        for i, arguments in enumerate(mapped_inputs(head_inputs, is_list=False)):
            self._call(self._head, i, arguments)
            if not i and self._head.item is not None:
                is_over = self._is_over_budget(self._head.item)
                if self._policy.depth_first_lists or is_over:
                    self._find_chain(drop=is_over)
            for node in list(self.nodes.values())[1:]:
                if all(source.item is not None for source in self._sources(node)):
                    if not i:
                        self._view.started(node.node_id)
                    self._call(node, i, self._arguments(node, i))
                else:
                    self._leave(node)
            for node in self.nodes.values():
                self._drop(node, i)
        return self._head.returned

    def _leave(self, node: ChainNode) -> None:
        self.left[node.node_id] = self.nodes.pop(node.node_id)
        for source in self._sources(node):
            source.droppable = frozenset()

    def _sources(self, node: ChainNode) -> list[ChainNode]:
        links = [value[0] for value in node.node["inputs"].values() if is_link(value)]
        known = {**self.left, **self.nodes}
        return [known[source_id] for source_id in links if source_id in known]

    def _find_chain(self, *, drop: bool) -> None:
        """Nodes that need nothing but the chain and what is at hand, in an order that they can run in."""
        work = [self._head]
        while work:
            node = work.pop(0)
            for dependent, _ in node.planned.dependents:
                if dependent.node_id not in self.nodes and self._may_join(dependent):
                    plan = self._view.call_plan(dependent.node_id)
                    joined = ChainNode(plan, dependent, self._view.node(dependent.node_id))
                    self.nodes[dependent.node_id] = joined
                    work.append(joined)
        if drop:
            for node in self.nodes.values():
                slots = {slot for _, slot in node.planned.dependents}
                outside = {
                    slot for dependent, slot in node.planned.dependents if dependent.node_id not in self.nodes
                }
                kinds = {
                    i
                    for i, output in enumerate(node.plan.spec.outputs)
                    if output.type in self._policy.frame_kinds
                }
                node.droppable = frozenset((slots - outside) & kinds)

    def _may_join(self, planned: PlannedNode) -> bool:
        if planned.state is not NodeState.WAITING or planned.lazy or planned.is_async:
            return False
        if any(source.node_id not in self.nodes for source, _ in self._missing(planned)):
            return False
        plan = self._view.call_plan(planned.node_id)
        return can_chain(plan.spec) and self._is_mapped_alike(planned.node_id, plan.spec)

    @staticmethod
    def _missing(planned: PlannedNode) -> list[tuple[PlannedNode, int]]:
        return [(source, slot) for source, slot in planned.sources if not source.value_is_there(slot)]

    def _is_mapped_alike(self, node_id: str, spec: NodeSpec) -> bool:
        """No other input is a longer list than the chain's."""
        for value in self._view.node(node_id)["inputs"].values():
            if is_link(value) and value[0] not in self.nodes:
                outputs = self._view.outputs(value[0])
                values = None if outputs is None else outputs[int(value[1])]
                if values is None or len(values) > self._num_items:
                    return False
        return spec.expand_inputs is None

    def _arguments(self, node: ChainNode, index: int) -> dict[str, Any]:
        """What one call gets: this item of the chain, and the values at hand as list mapping picks them."""

        def find(source_id: str) -> Outputs | None:
            source = self.nodes.get(source_id)
            if source is None:
                return self._view.outputs(source_id)
            return None if source.item is None else source.item.outputs

        try:
            inputs = gather_inputs(node.node_id, node.node, node.plan.spec, find).values
        except Exception as error:
            raise ChainError(node.node_id, error, {}) from error
        return {
            name: values[index if index < len(values) else -1] for name, values in inputs.items() if values
        }

    def _call(self, node: ChainNode, index: int, arguments: Mapping[str, Any]) -> None:
        """One call; its outputs become the node's item, unless they are a graph or still to come."""
        try:
            returned = call_once(node.plan, index, arguments, self._view.on_blocked(node.plan))
            node.returned.append(returned)
            result = None if isinstance(returned, asyncio.Task) else merge_results(node.plan.spec, [returned])
        except InterruptProcessingException:
            raise
        except BaseException as error:
            # Foreign code; the run reports it for this node.
            raise ChainError(node.node_id, error, arguments) from error
        node.item = result if result is not None and result.expansion is None else None

    def _is_over_budget(self, item: NodeResult) -> bool:
        if self._policy.mode is StreamMode.NEVER:
            return False
        size = 0
        for output, values in zip(self._head.plan.spec.outputs, item.outputs, strict=False):
            ops = self._policy.frame_kinds.get(output.type) if isinstance(output.type, str) else None
            if (
                ops is not None
                and values
                and values[0] is not None
                and not isinstance(values[0], ExecutionBlocker)
            ):
                size += ops.size_bytes(values[0])
        return size * self._num_items > self._policy.budget_bytes

    @staticmethod
    def _drop(node: ChainNode, index: int) -> None:
        """Lets go of outputs that only the chain needed."""
        if node.droppable and node.item is not None:
            row = [values[0] for values in node.item.outputs]
            shown = node.returned[index]
            kept = tuple(None if i in node.droppable else value for i, value in enumerate(row))
            node.returned[index] = {**shown, "result": kept} if isinstance(shown, dict) else kept
        node.item = None


def can_chain(spec: NodeSpec) -> bool:
    """Whether a class's calls may be spread over items: an ordinary, blocking, list-mapped function."""
    if spec.input_is_list or spec.is_async or spec.behaviour.lazy_check is not None:
        return False
    if any(output.is_list for output in spec.outputs):
        return False
    roles = spec.streams
    return (
        roles is None
        or is_capable(spec)
        or not (roles.explicit_inputs or roles.explicit_slots or roles.steps)
    )


def list_length(inputs: Mapping[str, Sequence[Any]]) -> int:
    """How many calls list mapping makes."""
    return max(map(len, inputs.values()), default=0)
