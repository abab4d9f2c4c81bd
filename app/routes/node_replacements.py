"""GET /node_replacements: which node classes stand in for retired ones."""

from __future__ import annotations

from aiohttp import web

from comfy_api.replacements import REPLACEMENTS


async def get_replacements(request: web.Request) -> web.Response:
    """Old class -> rules, first registered first."""
    return web.json_response(REPLACEMENTS.as_dict())


ROUTES = (web.get("/node_replacements", get_replacements),)
