"""All routes of the latent transport, for the host's route table."""

from __future__ import annotations

from aiohttp import web

from codec_transport.endpoints import discovery, generations, latents, service, web_page
from codec_transport.endpoints.context import CODEC, CodecContext


def add_routes(application: web.Application, table: web.RouteTableDef, context: CodecContext) -> None:
    """Registers every handler in the host's table and hands them their context."""
    application[CODEC] = context
    for group in (generations, latents, discovery, service, web_page):
        for route in group.ROUTES:
            table.route(route.method, route.path, **route.kwargs)(route.handler)
