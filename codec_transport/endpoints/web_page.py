"""GET /codec: the page that asks for latents and decodes them in the browser. Files of `codec_transport/web/dist`."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from codec_transport.endpoints.context import answering
from codec_transport.endpoints.rejection import RejectionError

DIST = Path(__file__).parents[1] / "web" / "dist"
PAGE = "index.html"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
}


def _file(name: str) -> web.FileResponse:
    path = DIST / name
    headers = {
        "Content-Type": CONTENT_TYPES[path.suffix],
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return web.FileResponse(path, headers=headers)


@answering
async def get_page(_request: web.Request) -> web.StreamResponse:
    """The page itself; everything it needs lies below codec/assets/."""
    return _file(PAGE)


@answering
async def get_asset(request: web.Request) -> web.StreamResponse:
    """One built file, by its name in the folder and by nothing else."""
    name = request.match_info["name"]
    if name not in {path.name for path in DIST.iterdir() if path.suffix in CONTENT_TYPES}:
        raise RejectionError(404, "not_found", "the page has no file of that name", param="name")
    return _file(name)


ROUTES = (web.get("/codec", get_page), web.get("/codec/assets/{name}", get_asset))
