"""JSON as the standard has it: what lenient parsers let through is refused, with the field that holds it.

Python's parser takes NaN and infinities, which no other reader of the answer could take, and of two equal keys keeps
the last one without a word: a graph with two nodes "3" would run as another graph than the one that was looked at.
"""

from __future__ import annotations

import json
from typing import Any

from app.errors import RequestError


class _NotANumber:
    """Stands where NaN or an infinity stood, until its path is known."""

    def __init__(self, text: str) -> None:
        self.text = text


class _Ambiguous(dict[str, Any]):
    """An object in which a key stood twice."""

    key: str


class _Reader:
    """The parser's hooks; `is_suspect` tells whether a second look is worth it."""

    def __init__(self) -> None:
        self.is_suspect = False

    def constant(self, text: str) -> _NotANumber:
        self.is_suspect = True
        return _NotANumber(text)

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self.is_suspect = True
        ambiguous = _Ambiguous(found)
        seen: set[str] = set()
        ambiguous.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add gives None
        return ambiguous


def parse_json(raw: bytes | str) -> Any:
    """The value of a JSON text.

    Raises: UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError as json.loads does; RequestError that
    names the field for NaN, infinities and keys that stand twice.
    """
    reader = _Reader()
    text = raw if isinstance(raw, str) else raw.decode("utf-8-sig")
    value = json.loads(text, parse_constant=reader.constant, object_pairs_hook=reader.pairs)
    if reader.is_suspect:
        _complain(value)
    return value


def _complain(value: Any) -> None:
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, _NotANumber):
            raise RequestError("not_a_number", f"{item.text} is no JSON number", field=path or "body")
        if isinstance(item, _Ambiguous):
            raise RequestError("duplicate_key", "stands twice in one object", field=_below(path, item.key))
        if isinstance(item, dict):
            waiting.extend((_below(path, name), child) for name, child in item.items())
        elif isinstance(item, list):
            waiting.extend((_below(path, str(i)), child) for i, child in enumerate(item))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
