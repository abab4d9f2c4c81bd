"""--enable-compress-response-body: JSON and text answers are packed for clients that take gzip."""

from __future__ import annotations

from aiohttp import web

from app.middleware.errors import Handler

_TYPES = ("application/json", "text/plain")
MIN_BYTES = 512
"""Below this the gzip header eats the gain."""


@web.middleware
async def compress_texts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Packs whole answers; files and answers already on their way stay as they are."""
    response = await handler(request)
    if (
        isinstance(response, web.Response)
        and not response.prepared
        and response.content_type in _TYPES
        and response.body is not None
        and (response.content_length or 0) >= MIN_BYTES
        and "gzip" in request.headers.get("Accept-Encoding", "")
    ):
        response.enable_compression(web.ContentCoding.gzip)
    return response
