"""Node classes that stand in for retired ones, so that old workflows keep running.

A pack registers a rule in `on_load`: `await ComfyAPI().node_replacement.register(io.NodeReplace(...))`. Prompts
are rewritten before validation, and only where the old class is unknown and the new one is there. Web pages read
the same rules from GET /node_replacements.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from comfy_api.errors import SchemaError
from comfy_execution.graph_utils import is_link


@dataclass(frozen=True)
class NodeReplace:
    """One rule: nodes of class `old_node_id` become `new_node_id`.

    `input_mapping` items are {"new_id", "old_id"} (take over) or {"new_id", "set_value"} (fixed); inputs that no
    item names keep their name. `output_mapping` items are {"new_idx", "old_idx"}; None leaves links alone.
    `old_widget_ids` is the order of the old node's widgets, for web pages that read stored workflows.
    Raises: SchemaError for an item without its keys.
    """

    new_node_id: str
    old_node_id: str
    old_widget_ids: list[str] | None = None
    input_mapping: list[dict[str, Any]] | None = None
    output_mapping: list[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        for item in self.input_mapping or ():
            if "new_id" not in item or not ("old_id" in item or "set_value" in item):
                raise SchemaError(
                    f"{item!r} needs new_id, and old_id or set_value",
                    node_id=self.old_node_id,
                    field="input_mapping",
                )
        for item in self.output_mapping or ():
            if not (isinstance(item.get("new_idx"), int) and isinstance(item.get("old_idx"), int)):
                raise SchemaError(
                    f"{item!r} needs the numbers new_idx and old_idx",
                    node_id=self.old_node_id,
                    field="output_mapping",
                )

    def as_dict(self) -> dict[str, Any]:
        """As clients read it."""
        return dict(vars(self))

    def map_inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The new node's inputs from the old one's."""
        items = self.input_mapping or []
        taken = {item["old_id"] for item in items if "old_id" in item}
        mapped = {name: value for name, value in inputs.items() if name not in taken}
        for item in items:
            if "old_id" in item:
                if item["old_id"] in inputs:
                    mapped[item["new_id"]] = inputs[item["old_id"]]
            elif "set_value" in item:
                mapped[item["new_id"]] = item["set_value"]
        return mapped

    def map_slot(self, slot: int) -> int:
        """The new node's output slot for a slot of the old one."""
        for item in self.output_mapping or []:
            if item["old_idx"] == slot:
                return int(item["new_idx"])
        return slot


class ReplacementTable:
    """All rules of the process, in the order they were registered. The first one for a class wins."""

    def __init__(self) -> None:
        self._rules: dict[str, list[NodeReplace]] = {}

    def register(self, rule: NodeReplace) -> None:
        """Adds a rule; the same rule again changes nothing."""
        rules = self._rules.setdefault(rule.old_node_id, [])
        if rule not in rules:
            rules.append(rule)

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Old class -> rules, as GET /node_replacements answers."""
        return {old: [rule.as_dict() for rule in rules] for old, rules in self._rules.items()}

    def apply(self, prompt: Mapping[str, Any], known: Container[str]) -> list[str]:
        """Rewrites a prompt in place; gives the ids of the nodes that changed. Malformed nodes are left alone."""
        if not self._rules:
            return []
        changed: dict[str, NodeReplace] = {}
        for node_id, node in prompt.items():
            rule = self._rule_for(node, known)
            if rule is not None:
                inputs = node.get("inputs")
                node["class_type"] = rule.new_node_id
                node["inputs"] = rule.map_inputs(inputs if isinstance(inputs, dict) else {})
                changed[node_id] = rule
        if changed:
            _move_links(prompt.values(), changed)
        return list(changed)

    def _rule_for(self, node: Any, known: Container[str]) -> NodeReplace | None:
        old = node.get("class_type") if isinstance(node, dict) else None
        if not isinstance(old, str) or old in known:
            return None
        return next((rule for rule in self._rules.get(old, ()) if rule.new_node_id in known), None)


def _move_links(nodes: Iterable[Any], changed: Mapping[str, NodeReplace]) -> None:
    for node in nodes:
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if not isinstance(inputs, dict):
            continue
        for name, value in inputs.items():
            if is_link(value) and value[0] in changed:
                inputs[name] = [value[0], changed[value[0]].map_slot(value[1])]


REPLACEMENTS = ReplacementTable()
"""The process's table: packs write to it while they load, every prompt reads it."""
