"""One type per body: checks JSON values against it and describes it as JSON Schema.

Understands TypedDict (with NotRequired), Literal, lists, dicts with text keys, unions, None, Any and the plain
kinds; `Annotated[..., Note(...)]` adds a text for readers and bounds for values.
"""

from __future__ import annotations

import math
import types
from dataclasses import dataclass
from functools import lru_cache
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from app.errors import RequestError

MAX_SHOWN = 60
"""Characters of a wrong value that an error shows."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a field is for, and bounds: numbers for numbers, lengths for texts and lists."""

    text: str = ""
    minimum: float | None = None
    maximum: float | None = None
    format: str | None = None


_PLAIN: dict[Any, tuple[str, str]] = {
    str: ("string", "a text"),
    bool: ("boolean", "true or false"),
    int: ("integer", "a whole number"),
    float: ("number", "a number"),
    type(None): ("null", "null"),
}


def conform(value: Any, wanted: Any, field: str = "body") -> None:
    """Checks a JSON value. Raises: RequestError with the path of the field, what would do and what came."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return
    if origin in (Annotated, NotRequired, Required):
        conform(value, arguments[0], field)
        for note in arguments[1:]:
            _check_bounds(value, note, field)
    elif origin in (Union, types.UnionType):
        if not any(_fits(value, argument) for argument in arguments):
            closest = [argument for argument in arguments if _is_same_kind(value, argument)]
            conform(value, closest[0], field) if closest else _refuse(value, wanted, field)
    elif origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in arguments):
            _refuse(value, wanted, field)
    elif is_typeddict(wanted):
        _conform_object(value, wanted, field)
    elif origin is list or wanted is list:
        if not isinstance(value, list):
            _refuse(value, wanted, field)
        for i, item in enumerate(value):
            conform(item, arguments[0] if arguments else Any, f"{field}.{i}")
    elif origin is dict or wanted is dict:
        if not isinstance(value, dict):
            _refuse(value, wanted, field)
        for name, item in value.items():
            conform(item, arguments[1] if arguments else Any, _below(field, name))
    elif not _is_plain(value, wanted):
        _refuse(value, wanted, field)


def schema_of(wanted: Any, shared: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a type; TypedDicts go into `shared` by name and are referred to."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return {}
    if origin in (Annotated, NotRequired, Required):
        schema = schema_of(arguments[0], shared)
        for note in arguments[1:]:
            schema = _noted(schema, note)
        return schema
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(argument, shared) for argument in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if is_typeddict(wanted):
        return _object_schema(wanted, shared)
    if origin is list or wanted is list:
        return {"type": "array", "items": schema_of(arguments[0], shared) if arguments else {}}
    if origin is dict or wanted is dict:
        return {
            "type": "object",
            "additionalProperties": schema_of(arguments[1], shared) if arguments else {},
        }
    return {"type": _PLAIN[wanted][0]}


def _object_schema(wanted: Any, shared: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{wanted.__name__}"}
    if wanted.__name__ not in shared:
        shared[wanted.__name__] = {}
        hints = _hints(wanted)
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: schema_of(hint, shared) for name, hint in hints.items()},
        }
        if required := _required(wanted):
            schema["required"] = required
        if wanted.__doc__ and not wanted.__doc__.startswith("dict("):
            schema["description"] = " ".join(wanted.__doc__.split())
        shared[wanted.__name__] = schema
    return reference


def _noted(schema: dict[str, Any], note: Any) -> dict[str, Any]:
    if not isinstance(note, Note):
        return schema
    added: dict[str, Any] = {}
    if note.text:
        added["description"] = note.text
    if note.format:
        added["format"] = note.format
    kind = schema.get("type")
    suffix = {"string": "Length", "array": "Items"}.get(str(kind), "imum")
    for name, bound in (("min", note.minimum), ("max", note.maximum)):
        if bound is not None:
            added[f"{name}{suffix}"] = bound
    return {"allOf": [schema], **added} if "$ref" in schema else {**schema, **added}


@lru_cache(maxsize=256)
def _hints(wanted: Any) -> dict[str, Any]:
    """Field -> type. Not the class's own lists: those do not see NotRequired in postponed annotations."""
    return get_type_hints(wanted, include_extras=True)


def _required(wanted: Any) -> list[str]:
    return sorted(name for name, hint in _hints(wanted).items() if get_origin(hint) is not NotRequired)


def _conform_object(value: Any, wanted: Any, field: str) -> None:
    if not isinstance(value, dict):
        _refuse(value, wanted, field)
    for name in _required(wanted):
        if name not in value:
            raise RequestError("missing_field", "is needed", field=_below(field, name))
    for name, hint in _hints(wanted).items():
        if name in value:
            conform(value[name], hint, _below(field, name))


def _check_bounds(value: Any, note: Any, field: str) -> None:
    if not isinstance(note, Note) or value is None or isinstance(value, bool):
        return
    size = value if isinstance(value, int | float) else len(value)
    low, high = note.minimum, note.maximum
    if (low is not None and size < low) or (high is not None and size > high):
        what = "" if isinstance(value, int | float) else " characters or items"
        bounds = f"{'' if low is None else f'at least {low:g}'}{'' if high is None else f' at most {high:g}'}".strip()
        raise RequestError("out_of_bounds", f"must be {bounds}{what}, got {size:g}", field=field)


def _fits(value: Any, wanted: Any) -> bool:
    try:
        conform(value, wanted)
    except RequestError:
        return False
    return True


def _is_same_kind(value: Any, wanted: Any) -> bool:
    """Whether an error about `wanted` tells more than one about the whole union."""
    while get_origin(wanted) in (Annotated, NotRequired, Required):
        wanted = get_args(wanted)[0]
    kind = get_origin(wanted) or wanted
    if isinstance(value, dict):
        return kind is dict or is_typeddict(kind)
    return kind is list if isinstance(value, list) else kind in _PLAIN and _is_plain(value, kind)


def _is_plain(value: Any, wanted: Any) -> bool:
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, wanted)


def _refuse(value: Any, wanted: Any, field: str) -> None:
    shown = repr(value)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
    raise RequestError("invalid_field", f"must be {_words(wanted)}, got {shown}", field=field)


def _words(wanted: Any) -> str:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Annotated, NotRequired, Required):
        return _words(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_words(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in arguments)
    if is_typeddict(wanted) or origin is dict or wanted is dict:
        return "an object"
    return "a list" if origin is list or wanted is list else _PLAIN[wanted][1]


def _below(field: str, name: str) -> str:
    return name if field == "body" else f"{field}.{name}"
