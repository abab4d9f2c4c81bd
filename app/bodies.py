"""Reading request bodies and query values into plain values, with typed complaints."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError
from multidict import MultiDictProxy

from app.errors import RequestError
from app.strict_json import parse_json

MAX_JSON_DEPTH = 200
"""Graphs nest a dozen levels; far deeper ones only serve to exhaust the stack of whoever walks them."""
_CONTAINERS = frozenset({dict, list})


async def read_json(request: web.Request) -> Any:
    """The JSON body, whatever its content type says.

    Raises: RequestError when it is not UTF-8, not JSON, nested too deeply, or holds NaN or a key twice; 413 comes
    from the size limit.
    """
    raw = await request.read()
    try:
        value = parse_json(raw)
    except UnicodeDecodeError as error:
        raise RequestError("invalid_utf8", f"is not UTF-8 text at byte {error.start}") from error
    except json.JSONDecodeError as error:
        at = f"line {error.lineno} column {error.colno}"
        raise RequestError("invalid_json", f"is not JSON: {error.msg} at {at}") from error
    except RecursionError as error:
        raise RequestError("too_deep", f"nests deeper than {MAX_JSON_DEPTH} levels") from error
    except RequestError:
        raise
    except ValueError as error:  # an integer with thousands of digits
        raise RequestError("invalid_json", f"holds a value that cannot be read: {error}") from error
    if depth_exceeds(value, MAX_JSON_DEPTH):
        raise RequestError("too_deep", f"nests deeper than {MAX_JSON_DEPTH} levels")
    return value


async def read_json_object(request: web.Request) -> dict[str, Any]:
    """As `read_json`. Raises: RequestError as well when it is no object."""
    value = await read_json(request)
    if not isinstance(value, dict):
        raise RequestError("invalid_body", f"must be a JSON object, got {type(value).__name__}")
    return value


async def read_form(request: web.Request) -> MultiDictProxy[str | bytearray | bytes | web.FileField]:
    """The fields of a form. Raises: RequestError when the body is none."""
    try:
        return await request.post()
    except (ValueError, AssertionError, LookupError, HttpProcessingError) as error:
        raise RequestError("invalid_form", "is no readable form of the kind that its type says") from error


def depth_exceeds(value: Any, limit: int) -> bool:
    """Whether lists and objects nest deeper than `limit`; does not recurse."""
    level = [value]
    for _ in range(limit + 1):
        children: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                children += [child for child in item.values() if type(child) in _CONTAINERS]
            elif isinstance(item, list):
                children += [child for child in item if type(child) in _CONTAINERS]
        if not children:
            return False
        level = children
    return True


def query_int(request: web.Request, name: str, default: int | None = None) -> int | None:
    """An integer of the query. Raises: RequestError naming the parameter when it is something else."""
    text = request.query.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise RequestError("invalid_query", f"must be an integer, got {text[:40]!r}", field=name) from error


def query_flag(request: web.Request, name: str) -> bool:
    """Whether a query parameter is 'true'."""
    return request.query.get(name, "").lower() == "true"


def string_list(body: dict[str, Any], name: str) -> list[str]:
    """A list of texts in a body, [] when absent. Raises: RequestError naming the field."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RequestError("invalid_field", "must be a list of ids", field=name)
    return [str(item) for item in value]
