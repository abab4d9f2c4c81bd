"""Checks of one node: its links, its literal values, its class's own validator. `validation` puts them together."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from comfy_execution.context import CurrentNodeContext
from comfy_execution.input_checks import (
    ErrorEntry,
    check_choice,
    check_range,
    convert,
    entry,
    input_config,
    input_entry,
    unwrapped,
)
from comfy_execution.inputs import hidden_values, literal_inputs
from comfy_execution.node_spec import InputSpec, NodeSpec
from comfy_execution.prompt import DynamicPrompt
from comfy_execution.registry import SpecSnapshot
from comfy_execution.reports import full_type_name
from comfy_execution.socket_types import validate_node_input


class LinkedFrom(NamedTuple):
    """A link, seen from its consumer."""

    link: list[Any]
    input_spec: InputSpec


@dataclass(slots=True)
class Inspection:
    """What a look at one node gave. A large prompt makes many: empty parts share one empty value.

    `sources`: input name -> id of the linked node, for good links. `linked_from`: the consumer through which it was
    reached first, and the name of that input. `received_types`: types of the linked outputs, None when nobody asks.
    """

    spec: NodeSpec | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    received_types: dict[str, Any] | None = None
    errors: Sequence[ErrorEntry] = ()
    linked_from: tuple[str, str] | None = None
    may_run_validator: bool = False

    def add(self, *errors: ErrorEntry) -> None:
        """Adds what was found wrong."""
        self.errors = [*self.errors, *errors]


def inspect_node(node_id: str, prompt: Mapping[str, dict[str, Any]], specs: SpecSnapshot) -> Inspection:
    """Checks links and literals of one node, and converts its values in place.

    Raises: KeyError, IndexError or TypeError for a link that leads nowhere; whatever the class raises when it is read.
    """
    node = prompt[node_id]
    spec = specs.spec(node["class_type"])
    inputs = node["inputs"]
    sources: dict[str, str] = {}
    found = Inspection(spec, sources, may_run_validator=spec.behaviour.validator is not None)
    if found.may_run_validator:
        found.received_types = {}
    for name, input_spec in spec.inputs_for(inputs).items():
        if name not in inputs:
            if input_spec.required:
                found.add(entry("required_input_missing", "Required input is missing", name, input_name=name))
                found.may_run_validator = False
        elif isinstance(inputs[name], list):
            if _check_link(inputs[name], input_spec, spec, prompt, specs, found):
                sources[name] = inputs[name][0]
        else:
            _check_literal(inputs, input_spec, spec, found)
    return found


async def run_validator(
    prompt_id: str, node_id: str, node: Mapping[str, Any], inspection: Inspection
) -> list[ErrorEntry]:
    """Asks the class's own validator; one error per input it took, or one for the node if it took none.

    Raises: whatever the validator raises.
    """
    spec = inspection.spec
    if spec is None or spec.behaviour.validator is None:
        return []
    behaviour = spec.behaviour
    taken = {
        name: value
        for name, value in literal_inputs(node, spec).items()
        if behaviour.validates_all or name in behaviour.validated_inputs
    }
    if behaviour.validates_types:
        taken["input_types"] = (
            [inspection.received_types] if spec.input_is_list else inspection.received_types
        )
    hidden = hidden_values(spec, node_id, DynamicPrompt({}), {})
    with CurrentNodeContext(prompt_id, node_id):
        verdict = spec.behaviour.validator(taken, hidden)
        if inspect.isawaitable(verdict):
            verdict = await verdict
    if verdict is True:
        return []
    text = "" if verdict is False else str(verdict)
    kind, message = "custom_validation_failed", "Custom validation failed for node"
    if not taken:
        return [entry(kind, message, text)]
    return [entry(kind, message, f"{name} - {text}" if text else name, input_name=name) for name in taken]


def exception_entry(error: Exception) -> ErrorEntry:
    """The error of an output node whose checks raised."""
    return entry(
        "exception_during_validation",
        "Exception when validating node",
        str(error),
        exception_type=full_type_name(type(error)),
        traceback=traceback.format_tb(error.__traceback__),
    )


def inner_exception_entry(error: Exception, linked_from: LinkedFrom) -> ErrorEntry:
    """The error of a node further up whose checks raised, with the link through which it was reached."""
    return entry(
        "exception_during_inner_validation",
        "Exception when validating inner node",
        str(error),
        input_name=linked_from.input_spec.name,
        input_config=input_config(linked_from.input_spec),
        exception_message=str(error),
        exception_type=full_type_name(type(error)),
        traceback=traceback.format_tb(error.__traceback__),
        linked_node=linked_from.link,
    )


def _check_link(
    link: list[Any],
    input_spec: InputSpec,
    spec: NodeSpec,
    prompt: Mapping[str, dict[str, Any]],
    specs: SpecSnapshot,
    found: Inspection,
) -> bool:
    """Whether the link is good; its errors go to `found`."""
    name = input_spec.name
    if len(link) != 2:
        text = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        found.add(input_entry("bad_linked_input", text, name, input_spec, received_value=link))
        found.may_run_validator = False
        return False
    received = _output_type(specs, prompt[link[0]]["class_type"], link[1])
    if received is None:
        return True
    if found.received_types is not None:
        found.received_types[name] = received
    if spec.behaviour.validates_types or validate_node_input(received, input_spec.type):
        return True
    details = f"{name}, received_type({received}) mismatch input_type({input_spec.type})"
    text = "Return type mismatch between linked nodes"
    found.add(
        input_entry(
            "return_type_mismatch", text, details, input_spec, received_type=received, linked_node=link
        )
    )
    return False


def _output_type(specs: SpecSnapshot, class_type: str, slot: Any) -> Any:
    """Type of one output; None for a class that cannot describe itself (its own inspection reports that)."""
    try:
        outputs = specs.spec(class_type).outputs
    except Exception:
        # Foreign INPUT_TYPES or define_schema.
        return None
    if isinstance(slot, int) and slot < 0:
        raise IndexError("tuple index out of range")
    return outputs[slot].type


def _check_literal(inputs: dict[str, Any], input_spec: InputSpec, spec: NodeSpec, found: Inspection) -> None:
    name = input_spec.name
    value, error = convert(input_spec, unwrapped(inputs[name]))
    inputs[name] = value
    if error is not None:
        found.add(error)
        found.may_run_validator = False
        return
    behaviour = spec.behaviour
    if behaviour.validates_all or name in behaviour.validated_inputs:
        return
    error = check_range(input_spec, value) or check_choice(input_spec, value)
    if error is not None:
        found.add(error)
