"""Bodies that announce more bytes than the limit are refused before one of them is read."""

from __future__ import annotations

from aiohttp import web

from app.errors import BodyTooLargeError
from app.middleware.errors import Handler


@web.middleware
async def refuse_oversize(request: web.Request, handler: Handler) -> web.StreamResponse:
    """413 by Content-Length; bodies without one are measured while they are read."""
    announced = request.content_length
    if announced is not None and announced > request.client_max_size:
        error = BodyTooLargeError(request.client_max_size)
        response = web.json_response(error.to_body(), status=error.status)
        response.force_close()
        return response
    return await handler(request)
