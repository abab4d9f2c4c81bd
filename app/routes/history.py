"""/history: finished prompts."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from app.bodies import query_int, read_json_object, string_list
from app.context import context_of
from app.json_text import to_json


async def get_history(request: web.Request) -> web.Response:
    """All entries, oldest first, or the part that max_items and offset choose."""
    max_items = query_int(request, "max_items")
    offset = query_int(request, "offset", -1)
    queue = context_of(request).engine.queue
    assert offset is not None
    entries = queue.get_history(max_items=max_items, offset=offset, map_function=_as_it_is)
    return web.json_response(text=to_json(entries, keep_nan=True))


async def get_history_entry(request: web.Request) -> web.Response:
    """The entry of one prompt as the only key; {} for an unknown or unfinished one."""
    queue = context_of(request).engine.queue
    entry = queue.get_history(prompt_id=request.match_info["prompt_id"], map_function=_as_it_is)
    return web.json_response(text=to_json(entry, keep_nan=True))


async def post_history(request: web.Request) -> web.Response:
    """Forgets all entries, or the named ones."""
    body = await read_json_object(request)
    queue = context_of(request).engine.queue
    doomed = string_list(body, "delete")
    if body.get("clear"):
        queue.wipe_history()
    for prompt_id in doomed:
        queue.delete_history_item(prompt_id)
    return web.Response()


def _as_it_is(entry: dict[str, Any]) -> dict[str, Any]:
    """Spares the queue a deep copy: entries do not change once they are in the history."""
    return entry


ROUTES = (
    web.get("/history", get_history),
    web.get("/history/{prompt_id}", get_history_entry),
    web.post("/history", post_history),
)
