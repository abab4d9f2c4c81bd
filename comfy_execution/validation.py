"""Validation of a prompt before it is queued: prompt + specs -> what may run, and the exact error bodies.

Nodes are reached from the output nodes backwards; what no chosen output needs is only checked for its class. Values
are converted in place, defaults are never filled in. Everything is linear in the size of the prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from comfy_execution.cycles import MAX_NODES_REPORTED, cycle_entry, one_cycle, strongly_connected
from comfy_execution.input_checks import ErrorEntry
from comfy_execution.node_checks import (
    Inspection,
    LinkedFrom,
    exception_entry,
    inner_exception_entry,
    inspect_node,
    run_validator,
)
from comfy_execution.registry import Registry, SpecSnapshot, installed
from comfy_execution.socket_types import validate_node_input as validate_node_input

Prompt = dict[str, dict[str, Any]]
Answer = tuple[bool, "ErrorEntry | None", list[str], dict[str, Any]]
"""(at least one output is good, error for the client, good outputs, node_errors)"""

MAX_DEPENDENT_STEPS = 100_000
"""How much looking for `dependent_outputs` may cost: with many bad outputs over one chain it would be quadratic."""
NODES_PER_TURN = 1000
"""After so many nodes (about 10 ms) other work of the loop is let in."""


async def validate_prompt(
    prompt_id: str,
    prompt: Prompt,
    partial_execution_list: Sequence[str] | None = None,
    registry: Registry | None = None,
) -> Answer:
    """Checks a prompt, converts its values, and says which outputs may run.

    `partial_execution_list` chooses among the output nodes; None takes all.
    """
    specs = (registry or installed()).snapshot()
    error = _shape_error(prompt, specs)
    if error is not None:
        return False, error, [], {}
    chosen = None if partial_execution_list is None else {str(target) for target in partial_execution_list}
    candidates = [node_id for node_id in prompt if chosen is None or node_id in chosen]
    class_types = {prompt[node_id]["class_type"] for node_id in candidates}
    output_classes = {class_type for class_type in class_types if _is_output(specs, class_type)}
    outputs = [node_id for node_id in candidates if prompt[node_id]["class_type"] in output_classes]
    if not outputs:
        return False, _error("prompt_no_outputs", "Prompt has no outputs", ""), [], {}
    return await PromptCheck(prompt_id, prompt, specs).run(outputs)


async def validate_inputs(
    prompt_id: str, prompt: Prompt, item: str, validated: dict[str, Any], registry: Registry | None = None
) -> tuple[bool, list[ErrorEntry], str]:
    """(good, own errors, id) of one node and all it needs, as packs that wrap the check know it.

    `validated` is filled with the same triple for every node that was looked at.
    """
    check = PromptCheck(prompt_id, prompt, (registry or installed()).snapshot())
    await check.run([item])
    validated.update(check.triples())
    found: tuple[bool, list[ErrorEntry], str] = validated[item]
    return found


class PromptCheck:
    """One pass over one prompt: inspect what outputs need, find cycles, ask the classes' own validators."""

    def __init__(self, prompt_id: str, prompt: Prompt, specs: SpecSnapshot) -> None:
        self._prompt_id = prompt_id
        self._prompt = prompt
        self._specs = specs
        self._inspections: dict[str, Inspection] = {}
        self._sources_first: dict[str, None] = {}
        self._good: set[str] = set()
        self._has_cycle = False

    async def run(self, outputs: Sequence[str]) -> Answer:
        """The answer for these output nodes."""
        for output_id in outputs:
            if output_id not in self._inspections:
                await self._reach(output_id)
        if self._has_cycle:
            self._mark_cycles()
        await self._judge()
        good = [output_id for output_id in outputs if output_id in self._good]
        bad = [output_id for output_id in outputs if output_id not in self._good]
        node_errors = self._node_errors(bad)
        if good:
            return True, None, good, node_errors
        details = "\n".join(
            f"{entry['message']}: {entry['details']}"
            for output_id in bad
            for entry in self._inspections[output_id].errors
        )
        error = _error("prompt_outputs_failed_validation", "Prompt outputs failed validation", details)
        return False, error, [], node_errors

    def triples(self) -> dict[str, tuple[bool, list[ErrorEntry], str]]:
        """(good, own errors, id) of every node that was looked at."""
        return {
            node_id: (node_id in self._good, list(inspection.errors), node_id)
            for node_id, inspection in self._inspections.items()
        }

    async def _reach(self, output_id: str) -> None:
        """Inspects an output and all that it needs, depth first without recursion.

        The loop this runs on is the server's: it gets a turn between batches of nodes.
        """
        known, left = self._inspections, self._sources_first
        path = [(output_id, self._inspect(output_id, None))]
        while path:
            node_id, remaining = path[-1]
            for name, source_id in remaining:
                if source_id not in known:
                    path.append((source_id, self._inspect(source_id, (node_id, name))))
                    if len(known) % NODES_PER_TURN == 0:
                        await asyncio.sleep(0)
                    break
                if source_id not in left:
                    self._has_cycle = True
            else:
                path.pop()
                left[node_id] = None

    def _inspect(self, node_id: str, linked_from: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
        try:
            inspection = inspect_node(node_id, self._prompt, self._specs)
        except Exception as error:
            # Odd links, and classes that cannot describe themselves.
            inspection = Inspection(errors=[self._exception(error, linked_from)])
        inspection.linked_from = linked_from
        self._inspections[node_id] = inspection
        return iter(inspection.sources.items())

    def _mark_cycles(self) -> None:
        sources = {
            node_id: list(inspection.sources.values()) for node_id, inspection in self._inspections.items()
        }
        for group in strongly_connected(sources):
            cycle = one_cycle(group, sources)
            for node_id in cycle[:MAX_NODES_REPORTED]:
                self._inspections[node_id].add(cycle_entry(node_id, cycle, self._prompt))

    async def _judge(self) -> None:
        """The classes' own validators, and the verdicts: sources come before what needs them, except in a cycle."""
        good = self._good
        for node_id in self._sources_first:
            inspection = self._inspections[node_id]
            if inspection.may_run_validator:
                try:
                    inspection.add(
                        *await run_validator(self._prompt_id, node_id, self._prompt[node_id], inspection)
                    )
                except Exception as error:
                    # Foreign code: its failure is the answer.
                    inspection.errors = [self._exception(error, inspection.linked_from)]
            if not inspection.errors and good.issuperset(inspection.sources.values()):
                good.add(node_id)

    def _exception(self, error: Exception, linked_from: tuple[str, str] | None) -> ErrorEntry:
        if linked_from is None:
            return exception_entry(error)
        consumer_id, name = linked_from
        inputs = self._prompt[consumer_id]["inputs"]
        spec = self._specs.spec(self._prompt[consumer_id]["class_type"])
        return inner_exception_entry(error, LinkedFrom(inputs[name], spec.inputs_for(inputs)[name]))

    def _node_errors(self, bad_outputs: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {
            node_id: {
                "errors": inspection.errors,
                "dependent_outputs": [],
                "class_type": self._prompt[node_id]["class_type"],
            }
            for node_id, inspection in self._inspections.items()
            if inspection.errors
        }
        steps_left = MAX_DEPENDENT_STEPS
        for output_id in bad_outputs:
            seen = {output_id}
            stack = [output_id]
            while stack and steps_left > 0:
                steps_left -= 1
                node_id = stack.pop()
                if node_id in found:
                    found[node_id]["dependent_outputs"].append(output_id)
                for source_id in self._inspections[node_id].sources.values():
                    if source_id not in seen and source_id not in self._good:
                        seen.add(source_id)
                        stack.append(source_id)
        return found


def _error(kind: str, message: str, details: str, **extra_info: Any) -> ErrorEntry:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}


def _shape_error(prompt: object, specs: SpecSnapshot) -> ErrorEntry | None:
    """What no answer per node can say: not a graph, a node without class or inputs, an unknown class."""
    if not isinstance(prompt, dict):
        return _error(
            "invalid_prompt",
            "Cannot execute because the prompt is not an object of nodes.",
            f"got {type(prompt).__name__}",
        )
    for node_id, node in prompt.items():
        error = _node_shape_error(node_id, node, specs)
        if error is not None:
            return error
    return None


def _node_shape_error(node_id: str, node: object, specs: SpecSnapshot) -> ErrorEntry | None:
    fields: Mapping[str, Any] = node if isinstance(node, dict) else {}
    class_type = fields.get("class_type")
    has_class = isinstance(class_type, str)
    if has_class and class_type in specs and isinstance(fields.get("inputs"), dict):
        return None
    details = f"Node ID '#{node_id}'"
    title = _title(fields)
    info = {"node_id": node_id, "class_type": class_type, "node_title": title}
    if not has_class:
        name = title or f"ID #{node_id}"
        message = (
            f"Node '{name}' has no class_type. The workflow may be corrupted or a custom node is missing."
        )
        return _error("missing_node_type", message, details, **info)
    if class_type not in specs:
        message = f"Node '{title or class_type}' not found. The custom node may not be installed."
        return _error("missing_node_type", message, details, **info)
    message = f"Cannot execute because node {class_type} has no inputs object."
    return _error("invalid_prompt", message, details, node_id=node_id, field="inputs")


def _title(node: Mapping[str, Any]) -> str | None:
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) and title else None


def _is_output(specs: SpecSnapshot, class_type: str) -> bool:
    """A class that cannot describe itself is taken at its attribute: its error is reported where it is needed."""
    try:
        return specs.spec(class_type).is_output
    except Exception:
        # Foreign INPUT_TYPES or define_schema.
        return getattr(specs.node_class(class_type), "OUTPUT_NODE", False) is True
