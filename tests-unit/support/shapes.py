"""Compares JSON answers with the shapes that the recorded contract files describe in words.

A shape is an example in which leaves are texts ("int", "str or null", "bool: any of ...") or example numbers. Keys in
angle brackets
stand for any key, a "?" at the end makes a key optional, a list of one shape means any number of such.
"""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "uuid": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),  # JSON does not tell 1 from 1.0; times are integer ms in 2026 and were floats
    "num": (int, float),
    "number": (int, float),
    "list": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_LEADING = re.compile(r"^(?:not |optional )?(\w+)(?: ?ms)?(?:(?: or |\|)(\w+))?")


def shape_problems(shape: Any, body: Any, path: str = "body") -> list[str]:
    """What in `body` does not fit, one text per place; [] when it fits."""
    if isinstance(shape, dict):
        return _object_problems(shape, body, path)
    if isinstance(shape, list):
        return _list_problems(shape, body, path)
    if isinstance(shape, int | float) and not isinstance(shape, bool):
        return shape_problems("number", body, path)
    if not isinstance(shape, str):
        return [] if shape == body else [f"{path}: {body!r} is not {shape!r}"]
    allowed = _allowed_types(shape)
    if allowed and (not isinstance(body, allowed) or (isinstance(body, bool) and bool not in allowed)):
        return [f"{path}: {type(body).__name__} does not fit {shape!r}"]
    return []


def _allowed_types(text: str) -> tuple[type, ...]:
    found = _LEADING.match(text)
    names = [name for name in (found.groups() if found else ()) if name]
    if not names or names[0] not in _TYPES:
        return ()
    return tuple(kind for name in names for kind in _TYPES.get(name, ()))


def _object_problems(shape: dict[str, Any], body: Any, path: str) -> list[str]:
    if not isinstance(body, dict):
        return [f"{path}: {type(body).__name__} instead of an object"]
    problems = []
    for key, inner in shape.items():
        if key.startswith("<"):
            for name, value in body.items():
                problems += shape_problems(inner, value, f"{path}.{name}")
        elif key.startswith(("(", "...")):
            continue
        elif key.rstrip("?") in body:
            problems += shape_problems(inner, body[key.rstrip("?")], f"{path}.{key.rstrip('?')}")
        elif not key.endswith("?"):
            problems.append(f"{path}: {key} is missing")
    return problems


def _list_problems(shape: list[Any], body: Any, path: str) -> list[str]:
    if not isinstance(body, list):
        return [f"{path}: {type(body).__name__} instead of a list"]
    if len(shape) == 1:
        pairs = [(shape[0], item) for item in body]
    elif len(shape) > 1:
        if len(shape) != len(body):
            return [f"{path}: {len(body)} items instead of {len(shape)}"]
        pairs = list(zip(shape, body, strict=True))
    else:
        pairs = []
    return [
        problem
        for index, (inner, item) in enumerate(pairs)
        for problem in shape_problems(inner, item, f"{path}[{index}]")
    ]
