"""/assets and /tags: the assets database is off; every call says so in the documented form."""

from __future__ import annotations

from aiohttp import web


async def refuse(request: web.Request) -> web.Response:
    """503 SERVICE_DISABLED, which makes clients fall back to /view and /jobs."""
    error = {"code": "SERVICE_DISABLED", "message": "the assets service is off", "details": {}}
    return web.json_response({"error": error}, status=503)


ROUTES = (
    web.route("*", "/api/assets", refuse),
    web.route("*", "/api/assets/{tail:.*}", refuse),
    web.route("*", "/api/tags", refuse),
)
