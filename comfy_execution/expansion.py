"""Node expansion: a node's graph joins the prompt, and later its results become the node's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from comfy_execution.errors import NodeNotFoundError, NodeResultError
from comfy_execution.graph_utils import ExecutionBlocker, is_link
from comfy_execution.inputs import Outputs
from comfy_execution.node_runner import ExpansionPart
from comfy_execution.node_spec import NodeSpec
from comfy_execution.prompt import DynamicPrompt


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a node expanded into: the new nodes, and the links its results come from."""

    nodes: dict[str, dict[str, Any]]
    results: tuple[tuple[str, int], ...]


def join_prompt(prompt: DynamicPrompt, parent_id: str, parts: Sequence[ExpansionPart]) -> Expansion:
    """Adds the nodes of all parts to the prompt.

    Raises: NodeResultError for a node that is no prompt node.
    """
    nodes: dict[str, dict[str, Any]] = {}
    results: list[tuple[str, int]] = []
    for part in parts:
        if part.graph is None:
            continue
        for node_id, node in part.graph.items():
            if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
                raise NodeResultError(
                    "expand", "nodes of the form {class_type, inputs}", f"{type(node).__name__} for {node_id}"
                )
            nodes[node_id] = node
            prompt.add_ephemeral_node(node_id, node, parent_id, node.get("override_display_id"))
        results += [(value[0], int(value[1])) for value in part.results if is_link(value)]
    for source_id, _ in results:
        if not prompt.has_node(source_id):
            raise NodeNotFoundError(source_id)
    return Expansion(nodes, tuple(results))


def collect_results(
    spec: NodeSpec, parts: Sequence[ExpansionPart], find: Callable[[str], Outputs | None]
) -> list[list[Any]]:
    """Outputs of a node whose expansion is done: per output, the linked lists and plain values of all parts.

    Raises: NodeNotFoundError for a link whose value is not there.
    """
    outputs: list[list[Any]] = [[] for _ in spec.outputs]
    for part in parts:
        for slot, output in enumerate(spec.outputs):
            value = part.results[slot] if slot < len(part.results) else None
            if part.graph is not None and is_link(value):
                found = find(value[0])
                if found is None or not 0 <= value[1] < len(found):
                    raise NodeNotFoundError(value[0])
                outputs[slot].extend(found[int(value[1])])
            elif output.is_list and not isinstance(value, ExecutionBlocker):
                outputs[slot].extend(value if value is not None else ())
            else:
                outputs[slot].append(value)
    return outputs
