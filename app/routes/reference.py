"""GET /openapi.json and /docs/api: what this server answers to."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from app.context import context_of
from app.openapi.document import build_document
from app.openapi.page import POLICY, render


async def get_document(request: web.Request) -> web.Response:
    """The OpenAPI 3.1 document of this server, routes of packs included."""
    return web.json_response(_document_of(request))


async def get_page(request: web.Request) -> web.Response:
    """The reference page; static, without scripts."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return web.Response(text=render(_document_of(request)), content_type="text/html", headers=headers)


def _document_of(request: web.Request) -> dict[str, Any]:
    application = request.config_dict[_APPLICATION]
    return build_document(application, context_of(request).config.version)


_APPLICATION: web.AppKey[web.Application] = web.AppKey("described", web.Application)


def add_reference(application: web.Application) -> None:
    """Adds the routes; the application they are added to is what they describe."""
    application[_APPLICATION] = application
    application.add_routes(ROUTES)


ROUTES = (
    web.get("/openapi.json", get_document),
    web.get("/api/openapi.json", get_document),
    web.get("/docs/api", get_page),
)
