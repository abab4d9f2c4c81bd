"""Headers that every answer gets just before it goes out: caching, CORS, content policy.

These are signals, not middleware, because they must also reach answers that a handler has already begun to
write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]

_PICTURES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_HOUR, _DAY = 3600, 86400

OFFLINE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' ws: wss: blob: data:; worker-src 'self' blob:; "
    "frame-src 'self' blob:; object-src 'none'; base-uri 'self'"
)


def cache_control_for(path: str, status: int) -> str | None:
    """The Cache-Control value by path and status, None for no header."""
    last = path.rsplit("/", 1)[-1]
    if path.endswith((".js", ".css")) or (last.startswith("index") and last.endswith(".json")):
        return "no-cache"
    if not path.lower().endswith(_PICTURES):
        return None
    if status == 404:
        return f"public, max-age={_HOUR}"
    if 200 <= status <= 206 or status in (301, 308):
        return f"public, max-age={_DAY}"
    return "no-cache" if status in (302, 303, 307) else None


async def set_cache_control(request: web.Request, response: web.StreamResponse) -> None:
    """Sets Cache-Control where nobody did."""
    value = cache_control_for(request.path, response.status)
    if value is not None:
        response.headers.setdefault("Cache-Control", value)


def cors_headers(origin: str) -> Signal:
    """Lets pages of `origin` ("*": all) call this server."""

    async def set_cors(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "POST, GET, DELETE, PUT, OPTIONS, PATCH"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization"
        response.headers["Access-Control-Allow-Credentials"] = "true"

    return set_cors


async def set_offline_policy(request: web.Request, response: web.StreamResponse) -> None:
    """Forbids the page to call anything but this server."""
    response.headers.setdefault("Content-Security-Policy", OFFLINE_POLICY)
