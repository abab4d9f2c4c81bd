"""GET /features."""

from __future__ import annotations

from aiohttp import web

from app.context import context_of
from app.features import server_features


async def get_features(request: web.Request) -> web.Response:
    """The flags that the websocket handshake answers too."""
    return web.json_response(server_features(context_of(request).config))


ROUTES = (web.get("/features", get_features),)
