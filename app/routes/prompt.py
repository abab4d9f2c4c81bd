"""POST and GET /prompt."""

from __future__ import annotations

import logging

from aiohttp import web

from app.bodies import read_json
from app.context import context_of
from app.errors import NotFoundError, RequestError
from app.routes.events_ws import queue_status

logger = logging.getLogger(__name__)

GRACE_S = 0.01
"""Clients attach their listeners after they have read the answer; a cached prompt is over in a millisecond."""


async def post_prompt(request: web.Request) -> web.StreamResponse:
    """Validates a graph and queues it. The answer is written before the prompt can start."""
    context = context_of(request)
    try:
        body = await read_json(request)
    except RequestError as error:
        if error.type == "invalid_json":
            return _not_json(error)
        raise
    body = context.rewrite_prompt(body)
    if not isinstance(body, dict):
        raise RequestError("invalid_body", f"must be a JSON object, got {type(body).__name__}")
    accepted = await context.intake.prepare(
        body, context.engine.validate, request.headers.get("Comfy-Usage-Source")
    )
    response = web.json_response(accepted.to_body())
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        logger.info("the client of prompt %s left before its answer", accepted.prompt_id)
    context.hub.hold(accepted.client_id, GRACE_S)
    context.engine.queue.put(accepted.item)
    return response


async def get_prompt(request: web.Request) -> web.Response:
    """How many prompts are waiting or running."""
    return web.json_response(queue_status(context_of(request)))


async def get_explanation(request: web.Request) -> web.Response:
    """Node id -> why it ran or did not: {ran, reason, text, inputs}. For the last prompts that ended."""
    prompt_id = request.match_info["prompt_id"]
    found = context_of(request).engine.explain(prompt_id)
    if found is None:
        raise NotFoundError("no prompt of this id has ended, or it is too long ago", field="prompt_id")
    return web.json_response({"prompt_id": prompt_id, "nodes": dict(found)})


def _not_json(error: RequestError) -> web.Response:
    """Recorded: this one malformed body is a 500 with content type text/plain. The text is JSON all the same.

    Source: measured, trace 32_err_no_prompt.
    """
    response = web.json_response(error.to_body(), status=500)
    response.content_type = "text/plain"
    response.force_close()
    return response


ROUTES = (
    web.post("/prompt", post_prompt),
    web.get("/prompt", get_prompt),
    web.get("/prompt/{prompt_id}/explain", get_explanation),
)
