"""/object_info: what clients know of node classes."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

from aiohttp import web

import folder_paths
from app.context import Context, context_of

logger = logging.getLogger(__name__)


async def get_object_info(request: web.Request) -> web.Response:
    """Every class. One whose description raises is left out and logged."""
    context = context_of(request)
    body: dict[str, Any] = {}
    with folder_paths.cache_helper:
        for class_type in context.engine.class_types():
            _add(context, class_type, body)
    return _answer(body)


async def get_node_info(request: web.Request) -> web.Response:
    """The one class, {} when unknown."""
    context = context_of(request)
    class_type = request.match_info["node_class"]
    body: dict[str, Any] = {}
    if class_type in set(context.engine.class_types()):
        _add(context, class_type, body)
    return _answer(body)


def _add(context: Context, class_type: str, body: dict[str, Any]) -> None:
    try:
        body[class_type] = context.engine.node_info(class_type)
    except Exception:  # INPUT_TYPES and define_schema are code of packs
        logger.exception("node class %s has no usable description and is left out", class_type)


def _answer(body: dict[str, Any]) -> web.Response:
    """JSON that a browser can read: a bare NaN or Infinity of a pack would stop the page from loading."""
    try:
        text = json.dumps(body, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(body))
    return web.json_response(text=text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


ROUTES = (
    web.get("/object_info", get_object_info),
    web.get("/object_info/{node_class}", get_node_info),
)
