"""Counts and times every answer by its route."""

from __future__ import annotations

import time

from aiohttp import web

from app.context import context_of
from app.middleware.errors import Handler

NO_ROUTE = "none"
_STREAMS = ("/ws", "/v1/workflows/runs/{prompt_id}/events")


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Runs around the translation of errors, so that their answers count."""
    started = time.perf_counter()
    status = 499  # the client left first
    is_stream = False
    try:
        response = await handler(request)
        status = response.status
        is_stream = response.content_type == "text/event-stream" or isinstance(
            response, web.WebSocketResponse
        )
        return response
    finally:
        resource = request.match_info.route.resource
        route = NO_ROUTE if resource is None else resource.canonical
        seconds = None if is_stream or route.endswith(_STREAMS) else time.perf_counter() - started
        method = request.method if request.method in _METHODS else "other"
        context_of(request).metrics.request_answered(method, route, status, seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
