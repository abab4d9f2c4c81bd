"""The published schema of map documents, and a check of a document against it.

Understands the JSON Schema keywords that `map.schema.json` uses and refuses others, so that nothing in the
file is silently ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from codec_transport.spaces.map_document import Json

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
}
_NOTES = {"$schema", "title", "description", "$defs"}


@cache
def map_schema() -> Json:
    """The JSON Schema of a map (schema B). Not to be changed by the caller."""
    schema: Json = json.loads(Path(__file__).with_name("map.schema.json").read_text("utf-8"))
    return schema


def map_problems(document: object) -> list[str]:
    """What keeps a document from being a map: one line each, with the place; empty when it is one."""
    return list(_problems(document, map_schema(), "map"))


def _problems(value: object, schema: Json, place: str) -> Iterator[str]:
    for keyword, rule in schema.items():
        if keyword not in _NOTES:
            yield from _CHECKS[keyword](value, rule, schema, place)


def _type(value: object, rule: str, _schema: Json, place: str) -> Iterator[str]:
    if not isinstance(value, _TYPES[rule]) or isinstance(value, bool):
        yield f"{place} is {type(value).__name__}, expected {rule}"


def _enum(value: object, rule: list[str], _schema: Json, place: str) -> Iterator[str]:
    if value not in rule:
        yield f"{place} is {value!r:.80}, expected one of {', '.join(rule)}"


def _pattern(value: object, rule: str, _schema: Json, place: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(rule, value):
        yield f"{place} is {value!r:.80}, expected the form {rule}"


def _length(value: object, rule: int, place: str, *, least: bool) -> Iterator[str]:
    if isinstance(value, str | list) and (len(value) < rule if least else len(value) > rule):
        yield f"{place} has {len(value)} entries or characters, expected at {'least' if least else 'most'} {rule}"


def _bound(value: object, rule: float, place: str, compare: str) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        fits = {"at least": value >= rule, "at most": value <= rule, "more than": value > rule}[compare]
        if not fits:
            yield f"{place} is {value}, expected {compare} {rule}"


def _required(value: object, rule: list[str], _schema: Json, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{place} has no {key!r}" for key in rule if key not in value)


def _properties(value: object, rule: Json, _schema: Json, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, schema in rule.items():
            if key in value:
                yield from _problems(value[key], schema, f"{place}.{key}")


def _no_more(value: object, rule: bool, schema: Json, place: str) -> Iterator[str]:
    if isinstance(value, dict) and not rule:
        known = schema["properties"]
        yield from (f"{place} has a key {key!r:.80} that no map has" for key in value if key not in known)


def _items(value: object, rule: Json, _schema: Json, place: str) -> Iterator[str]:
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _problems(item, rule, f"{place}[{i}]")


def _ref(value: object, rule: str, _schema: Json, place: str) -> Iterator[str]:
    yield from _problems(value, map_schema()["$defs"][rule.removeprefix("#/$defs/")], place)


_CHECKS: dict[str, Any] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": lambda value, rule, _, place: _length(value, rule, place, least=True),
    "minItems": lambda value, rule, _, place: _length(value, rule, place, least=True),
    "maxLength": lambda value, rule, _, place: _length(value, rule, place, least=False),
    "maxItems": lambda value, rule, _, place: _length(value, rule, place, least=False),
    "minimum": lambda value, rule, _, place: _bound(value, rule, place, "at least"),
    "maximum": lambda value, rule, _, place: _bound(value, rule, place, "at most"),
    "exclusiveMinimum": lambda value, rule, _, place: _bound(value, rule, place, "more than"),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _no_more,
    "items": _items,
    "$ref": _ref,
}
