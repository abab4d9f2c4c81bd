"""From what a node raised to the dict that clients and history get: the one place of that translation."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def full_type_name(kind: type) -> str:
    """`ValueError` for builtins, `module.Name` for everything else."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def format_value(value: Any) -> Any:
    """Numbers, texts, booleans and None as they are, all else by str()."""
    if value is None or isinstance(value, int | float | bool | str):
        return value
    try:
        return str(value)
    except Exception as error:
        # A foreign __str__; the report must still go out.
        return f"<{type(value).__name__}: its __str__ raised {type(error).__name__}>"


def format_inputs(inputs: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """The `current_inputs` of a report: every value in a list."""
    return {name: [format_value(value) for value in values] for name, values in inputs.items()}


def node_position(real_id: str, class_type: str, executed: Sequence[str]) -> dict[str, Any]:
    """Where it happened: the top-level node, and what had run until then."""
    return {"node_id": real_id, "node_type": class_type, "executed": list(executed)}


def error_report(
    position: Mapping[str, Any],
    error: BaseException,
    inputs: Mapping[str, Iterable[Any]],
    known_ids: Iterable[str],
) -> dict[str, Any]:
    """Body of `execution_error` for an exception that left a node. The message ends with a line feed."""
    return {
        **position,
        "exception_message": f"{format_value(error)}\n",
        "exception_type": full_type_name(type(error)),
        "traceback": traceback.format_tb(error.__traceback__),
        "current_inputs": format_inputs(inputs),
        "current_outputs": list(known_ids),
    }


def cycle_report(position: Mapping[str, Any], known_ids: Iterable[str]) -> dict[str, Any]:
    """Body of `execution_error` for a cycle that an expansion made. Its odd shape is contract (trace 35)."""
    return {
        **position,
        "exception_message": "Dependency cycle detected",
        "exception_type": "graph.DependencyCycleError",
        "traceback": [],
        "current_inputs": [],
        "current_outputs": list(known_ids),
    }
