"""/object_info: what clients know of node classes."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web

import folder_paths
from app.context import Context, context_of
from app.json_text import to_json

logger = logging.getLogger(__name__)


async def get_object_info(request: web.Request) -> web.Response:
    """Every class, described afresh: packs list files in it. One whose description raises is left out and logged."""
    context = context_of(request)
    body: dict[str, Any] = {}
    with folder_paths.cache_helper:
        for class_type in context.engine.class_types():
            _add(context, class_type, body)
    return context.object_info.answer(request, to_json(body))


async def get_node_info(request: web.Request) -> web.Response:
    """The one class, {} when unknown."""
    context = context_of(request)
    class_type = request.match_info["node_class"]
    body: dict[str, Any] = {}
    if class_type in set(context.engine.class_types()):
        _add(context, class_type, body)
    return web.json_response(text=to_json(body))


def _add(context: Context, class_type: str, body: dict[str, Any]) -> None:
    try:
        body[class_type] = context.engine.node_info(class_type)
    except Exception:  # INPUT_TYPES and define_schema are code of packs
        logger.exception("node class %s has no usable description and is left out", class_type)


ROUTES = (
    web.get("/object_info", get_object_info),
    web.get("/object_info/{node_class}", get_node_info),
)
