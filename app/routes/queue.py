"""/queue, /interrupt and /free: what waits and runs, and telling it to stop or to let go of memory."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import web

from app.bodies import read_json_object, string_list
from app.context import context_of
from app.engine import QueueItem
from app.errors import RequestError
from app.json_text import to_json

_SHOWN = 5
"""Elements of an item that clients see; a sixth holds secrets."""


async def get_queue(request: web.Request) -> web.Response:
    """Running and pending items."""
    running, pending = context_of(request).engine.queue.get_current_queue_volatile()
    body = {
        "queue_running": [item[:_SHOWN] for item in running],
        "queue_pending": [item[:_SHOWN] for item in pending],
    }
    return web.json_response(text=to_json(body, keep_nan=True))


async def post_queue(request: web.Request) -> web.Response:
    """Drops all pending prompts, then the named ones. The running prompt is not touched."""
    body = await read_json_object(request)
    queue = context_of(request).engine.queue
    doomed = string_list(body, "delete")
    if body.get("clear"):
        queue.wipe_queue()
    for prompt_id in doomed:
        queue.delete_queue_item(_has_id(prompt_id))
    return web.Response()


async def post_interrupt(request: web.Request) -> web.Response:
    """Stops the running prompt; with prompt_id only when that one runs. Any body that is no JSON is global."""
    engine = context_of(request).engine
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        body = {}
    if not isinstance(body, dict):
        raise RequestError("invalid_body", "must be a JSON object or empty")
    prompt_id = body.get("prompt_id")
    if prompt_id:
        engine.queue.interrupt_if_running(str(prompt_id))
    else:
        engine.interrupt()
    return web.Response()


async def post_free(request: web.Request) -> web.Response:
    """Asks the worker to unload models, and to forget results with free_memory, after the running prompt."""
    body = await read_json_object(request)
    queue = context_of(request).engine.queue
    for name in ("unload_models", "free_memory"):
        if body.get(name):
            queue.set_flag(name, body[name])
    return web.Response()


def _has_id(prompt_id: str) -> Callable[[QueueItem], bool]:
    return lambda item: bool(item[1] == prompt_id)


ROUTES = (
    web.get("/queue", get_queue),
    web.post("/queue", post_queue),
    web.post("/interrupt", post_interrupt),
    web.post("/free", post_free),
)
