"""GET /system_stats."""

from __future__ import annotations

from aiohttp import web

from app.context import context_of
from app.system import cpu_facts, system_facts


async def get_system_stats(request: web.Request) -> web.Response:
    """Facts about host, versions and devices."""
    context = context_of(request)
    devices = cpu_facts() if context.attached is None else context.attached.devices()
    body = {"system": system_facts(context.config), "devices": devices}
    return web.json_response(body)


ROUTES = (web.get("/system_stats", get_system_stats),)
