"""GET /metrics and /ready: for those who watch many servers."""

from __future__ import annotations

from aiohttp import web

from app.context import context_of
from app.metrics import CONTENT_TYPE


async def get_metrics(request: web.Request) -> web.Response:
    """Numbers in Prometheus' text format."""
    headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
    return web.Response(body=context_of(request).metrics.text(), headers=headers)


async def get_ready(request: web.Request) -> web.Response:
    """200 once prompts are taken and run; 503 while nodes load and after the engine's thread ended."""
    context = context_of(request)
    engine = context.attached
    is_ready = engine is not None and engine.is_alive()
    reason = (
        None if is_ready else "nodes are being loaded" if engine is None else "the engine's thread has ended"
    )
    body = {"ready": is_ready, "reason": reason}
    return web.json_response(body, status=200 if is_ready else 503, headers={"Cache-Control": "no-store"})


ROUTES = (web.get("/metrics", get_metrics), web.get("/ready", get_ready))
