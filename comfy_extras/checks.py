"""What is wrong with a node class, found when it is loaded: one text per finding.

Built-in nodes must be without findings; for foreign packs each finding is a warning, because upstream would
have run them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from comfy_api.errors import SchemaError
from comfy_api.schema.node import ComfyNode
from comfy_api.schema.schema import Schema

_VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def find_problems(node_class: object, *, read_inputs: bool = False) -> list[str]:
    """Findings of a V1 or V3 class. `read_inputs` also calls a V1 class's INPUT_TYPES, which may read folders."""
    if not isinstance(node_class, type):
        return [f"{node_class!r} is not a class"]
    if issubclass(node_class, ComfyNode):
        return list(_v3_problems(node_class))
    found = list(_v1_problems(node_class))
    if read_inputs and not found:
        found += _v1_input_problems(node_class)
    return found


def _v3_problems(node_class: type[ComfyNode]) -> Iterator[str]:
    try:
        node_class.VALIDATE_CLASS()
        schema = node_class.GET_SCHEMA()
    except SchemaError as error:
        yield str(error)
        return
    except Exception as error:  # foreign code: define_schema
        yield f"define_schema raised {type(error).__name__}: {error}"
        return
    yield from _signature_problems(node_class, schema)


def _signature_problems(node_class: type[ComfyNode], schema: Schema) -> Iterator[str]:
    parameters = inspect.signature(node_class.execute).parameters
    takes_any = any(found.kind is inspect.Parameter.VAR_KEYWORD for found in parameters.values())
    ids = {entry.id: entry for entry in schema.inputs}
    for name, parameter in parameters.items():
        if parameter.kind in _VARIADIC:
            continue
        needed = parameter.default is inspect.Parameter.empty
        if needed and name not in ids:
            yield f"execute needs {name!r}, which is no input"
        elif needed and ids[name].optional:
            yield f"execute needs {name!r}, but the input is optional; give it a default"
    if not takes_any:
        for name in ids.keys() - parameters.keys():
            yield f"input {name!r} is no parameter of execute"


def _v1_problems(node_class: type) -> Iterator[str]:
    if not callable(getattr(node_class, "INPUT_TYPES", None)):
        yield "INPUT_TYPES is missing"
    function = getattr(node_class, "FUNCTION", None)
    if not isinstance(function, str):
        yield "FUNCTION is missing; it names the work method"
    elif not callable(getattr(node_class, function, None)):
        yield f"FUNCTION names {function!r}, which the class does not have"
    types = getattr(node_class, "RETURN_TYPES", None)
    if not isinstance(types, (tuple, list)):
        yield f"RETURN_TYPES must be a tuple, not {types!r}"
        return
    for name in ("RETURN_NAMES", "OUTPUT_IS_LIST"):
        listed = getattr(node_class, name, None)
        if isinstance(listed, (tuple, list)) and len(listed) != len(types):
            yield f"{name} has {len(listed)} entries, RETURN_TYPES {len(types)}"


def _v1_input_problems(node_class: Any) -> Iterator[str]:
    sections = node_class.INPUT_TYPES()
    for section in ("required", "optional"):
        for name, declared in sections.get(section, {}).items():
            options = declared[1] if len(declared) > 1 else {}
            yield from _range_problems(name, options)
    method = getattr(node_class, node_class.FUNCTION)
    parameters = inspect.signature(method).parameters
    if any(found.kind is inspect.Parameter.VAR_KEYWORD for found in parameters.values()):
        return
    for section in ("required", "optional", "hidden"):
        for name in sections.get(section, {}):
            if name not in parameters:
                yield f"{section} input {name!r} is no parameter of {node_class.FUNCTION}"


def _range_problems(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    low, high, default = options.get("min"), options.get("max"), options.get("default")
    numbers = [value for value in (low, high, default) if isinstance(value, (int, float))]
    if default is None or len(numbers) < 3:
        return
    if not low <= default <= high:
        yield f"default {default} of {name!r} is outside of {low}..{high}"
