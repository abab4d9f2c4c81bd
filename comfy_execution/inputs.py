"""From a node of the prompt to the values its function gets: literals, linked outputs, hidden values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from comfy_execution.errors import NodeInputError
from comfy_execution.graph import Dependency
from comfy_execution.graph_utils import is_link
from comfy_execution.node_spec import NodeSpec
from comfy_execution.prompt import DynamicPrompt

Outputs = Sequence[Any]
"""Per output slot the list of its values; None for an output that is not there (yet, or any more)."""
FindOutputs = Callable[[str], Outputs | None]
"""Outputs of a node by id, None while they are not there."""


@dataclass(slots=True)
class GatheredInputs:
    """Inputs of one node. `missing` are the names of lazy links whose value nobody has computed yet."""

    values: dict[str, list[Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def with_missing_as_none(self) -> dict[str, list[Any]]:
        """What `check_lazy_status` sees."""
        return {**self.values, **{name: [None] for name in self.missing}}


def gather_inputs(node_id: str, node: Mapping[str, Any], spec: NodeSpec, find: FindOutputs) -> GatheredInputs:
    """Values of all declared inputs, each as the list it is mapped over. Undeclared ones are dropped.

    Raises: NodeInputError for a link to a slot that the source does not have.
    """
    given = node["inputs"]
    declared = spec.inputs_for(given)
    gathered = GatheredInputs()
    for name, value in given.items():
        input_spec = declared.get(name)
        if input_spec is None and not spec.accept_all_inputs:
            continue
        if not is_link(value) or (input_spec is not None and input_spec.is_raw_link):
            gathered.values[name] = [value]
        else:
            outputs = find(value[0])
            values = None if outputs is None else _slot(outputs, value, node_id, name)
            if values is None:
                gathered.missing.append(name)
            else:
                gathered.values[name] = values
    return gathered


def literal_inputs(node: Mapping[str, Any], spec: NodeSpec) -> dict[str, Any]:
    """What IS_CHANGED and VALIDATE_INPUTS see: literal values as they are, None for every link."""
    given = node["inputs"]
    declared = spec.inputs_for(given)
    plain = {
        name: None if is_link(value) else value
        for name, value in given.items()
        if name in declared or spec.accept_all_inputs
    }
    return {name: [value] for name, value in plain.items()} if spec.input_is_list else plain


def dependencies(node: Mapping[str, Any], spec: NodeSpec) -> list[Dependency]:
    """Links into a node, in the order of its inputs."""
    given = node["inputs"]
    declared = spec.inputs_for(given)
    found: list[Dependency] = []
    for name, value in given.items():
        if not is_link(value):
            continue
        input_spec = declared.get(name)
        if input_spec is not None:
            found.append(Dependency(name, value[0], int(value[1]), input_spec.is_lazy))
        elif spec.accept_all_inputs:
            found.append(Dependency(name, value[0], int(value[1]), is_lazy=False))
    return found


def hidden_values(
    spec: NodeSpec, node_id: str, prompt: DynamicPrompt, extra_data: Mapping[str, Any]
) -> dict[str, Any]:
    """Values of the hidden inputs that the class declares, by hidden type."""
    values: dict[str, Any] = {}
    for kind in spec.hidden.values():
        if kind == "PROMPT":
            values[kind] = prompt.get_original_prompt()
        elif kind == "DYNPROMPT":
            values[kind] = prompt
        elif kind == "EXTRA_PNGINFO":
            values[kind] = extra_data.get("extra_pnginfo")
        elif kind == "UNIQUE_ID":
            values[kind] = node_id
        elif kind in ("AUTH_TOKEN_COMFY_ORG", "API_KEY_COMFY_ORG", "COMFY_USAGE_SOURCE"):
            values[kind] = extra_data.get(kind.lower())
    return values


def _slot(outputs: Outputs, link: Sequence[Any], node_id: str, name: str) -> list[Any] | None:
    slot = int(link[1])
    if not 0 <= slot < len(outputs):
        raise NodeInputError(
            node_id, name, f"node {link[0]} has {len(outputs)} outputs, there is no output {slot}"
        )
    found: list[Any] | None = outputs[slot]
    return found
