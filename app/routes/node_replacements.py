"""GET /node_replacements: which node classes stand in for retired ones. None are registered yet."""

from __future__ import annotations

from aiohttp import web


async def get_replacements(request: web.Request) -> web.Response:
    """Old class -> rules; empty, and the feature flag says that the server replaces nothing itself."""
    return web.json_response({})


ROUTES = (web.get("/node_replacements", get_replacements),)
