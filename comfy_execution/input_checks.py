"""Checks of one literal input value: conversion, range, choices. Pure; error texts are contract (routes reference).

Every check returns the error entry for clients, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from comfy_execution.node_spec import InputSpec

ErrorEntry = dict[str, Any]
"""{"type", "message", "details", "extra_info"}"""

MAX_LISTED_CHOICES = 20
"""Longer lists of choices are named by their length only."""

_NUMBERS, _SEQUENCES = (int, float), (list, tuple)
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def entry(kind: str, message: str, details: str, **extra_info: Any) -> ErrorEntry:
    """One error of one node."""
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}


def input_config(spec: InputSpec) -> list[Any]:
    """`[type, options]`, with options also when the author gave none."""
    return [spec.type, dict(spec.options)]


def input_entry(kind: str, message: str, details: str, spec: InputSpec, **extra_info: Any) -> ErrorEntry:
    """An error of one input, with the input's declaration."""
    return entry(kind, message, details, input_name=spec.name, input_config=input_config(spec), **extra_info)


def unwrapped(value: Any) -> Any:
    """`{"__value__": v}` stands for v: the only way to send a list as a value."""
    return value["__value__"] if isinstance(value, dict) and "__value__" in value else value


def convert(spec: InputSpec, value: Any) -> tuple[Any, ErrorEntry | None]:
    """The value as the input's type asks for it, or the error that says why not."""
    conversion = _CONVERSIONS.get(spec.type) if isinstance(spec.type, str) else None
    if conversion is None or type(value) is conversion:
        return value, None
    try:
        return conversion(value), None
    except Exception as error:
        # Whatever int() or float() finds wrong, clients get its text.
        return value, input_entry(
            "invalid_input_type",
            f"Failed to convert an input value to a {spec.type} value",
            f"{spec.name}, {value}, {error}",
            spec,
            received_value=value,
            exception_message=str(error),
        )


def check_range(spec: InputSpec, value: Any) -> ErrorEntry | None:
    """`min` and `max` of the input's options."""
    if not isinstance(value, _NUMBERS):
        return None
    lowest, highest = spec.options.get("min"), spec.options.get("max")
    if isinstance(lowest, _NUMBERS) and value < lowest:
        return input_entry(
            "value_smaller_than_min",
            f"Value {value} smaller than min of {lowest}",
            spec.name,
            spec,
            received_value=value,
        )
    if isinstance(highest, _NUMBERS) and value > highest:
        return input_entry(
            "value_bigger_than_max",
            f"Value {value} bigger than max of {highest}",
            spec.name,
            spec,
            received_value=value,
        )
    return None


def check_choice(spec: InputSpec, value: Any) -> ErrorEntry | None:
    """The choices of V1 lists and of V3 combos (unless their options come from elsewhere)."""
    choices = choices_of(spec)
    if choices is None:
        return None
    if isinstance(spec.type, str):
        picked = value if spec.options.get("multiselect") and isinstance(value, list) else [value]
        wrong = [repr(item) for item in picked if not _is_among(item, choices)]
    else:
        wrong = [] if _is_among(value, choices) else [f"'{value}'"]
    if not wrong:
        return None
    is_long = len(choices) > MAX_LISTED_CHOICES
    listed = f"(list of length {len(choices)})" if is_long else str(list(choices))
    return entry(
        "value_not_in_list",
        "Value not in list",
        f"{spec.name}: {', '.join(wrong)} not in {listed}",
        input_name=spec.name,
        input_config=None if is_long else input_config(spec),
        received_value=value,
    )


def choices_of(spec: InputSpec) -> Sequence[Any] | None:
    """The choices that values of this input are checked against, None when they are not."""
    if isinstance(spec.type, _SEQUENCES):
        return spec.type
    if spec.type != "COMBO":
        return None
    options: Mapping[str, Any] = spec.options
    choices = options.get("options")
    if not isinstance(choices, _SEQUENCES):
        return None
    is_remote = any(options.get(key) for key in ("remote_combo", "remote"))
    return None if is_remote else choices


def _is_among(value: Any, choices: Sequence[Any]) -> bool:
    try:
        return value in choices
    except Exception:
        # A choice with a foreign __eq__ (an array) that does not give a truth value.
        return False
