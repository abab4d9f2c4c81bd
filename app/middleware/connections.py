"""Tells a connection's watchman when a handler has its request, has read its body, and is through."""

from __future__ import annotations

from aiohttp import web

from app.connections import Guard
from app.middleware.errors import Handler

GUARD: web.AppKey[Guard] = web.AppKey("guard", Guard)


@web.middleware
async def tell_watchman(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Runs first, around everything else."""
    connection = request.config_dict[GUARD].connections.get(request.protocol)
    if connection is None:
        return await handler(request)
    patience, now = connection.patience, request.config_dict[GUARD].clock()
    has_body = request.can_read_body and not request.content.is_eof()
    is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
    patience.served(now, has_body=has_body, is_socket=is_socket)
    if has_body:
        request.content.on_eof(patience.body_complete)
    try:
        return await handler(request)
    finally:
        patience.answered()
