"""Answering with a file that somebody uploaded or saved: no sniffing, nothing active runs in our origin."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

_FORCED = frozenset(
    {"text/html", "application/xhtml+xml", "text/css", "text/javascript", "application/javascript",
     "application/x-javascript", "text/html-sandboxed"}
)  # fmt: skip
_XML = frozenset({"image/svg+xml", "text/xml", "application/xml", "application/mathml+xml"})


def disposition(kind: str | None, name: str) -> str:
    """A Content-Disposition value: `filename="x"`, or `attachment; filename="x"`; safe for any name."""
    plain = "".join(char if 32 <= ord(char) < 127 and char not in '"\\' else "_" for char in name)
    value = f'filename="{plain}"'
    if plain != name:
        value += f"; filename*=UTF-8''{quote(name, safe='')}"
    return f"{kind}; {value}" if kind else value


def guarded_headers(name: str, *, for_image: bool, always_attach: bool = False) -> dict[str, str]:
    """Headers for one file name. `for_image`: the browser loads it into an <img> (Sec-Fetch-Dest: image)."""
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"X-Content-Type-Options": "nosniff"}
    is_xml = content_type in _XML or content_type.endswith("+xml")
    is_active = content_type in _FORCED or is_xml
    if is_active:
        headers["Vary"] = "Sec-Fetch-Dest"
        headers["Cache-Control"] = "no-store"
    if content_type == "image/svg+xml" and for_image:
        is_active = False
    headers["Content-Type"] = "application/octet-stream" if is_active else content_type
    headers["Content-Disposition"] = disposition("attachment" if is_active or always_attach else None, name)
    return headers


def guarded_file(request: web.Request, path: Path, *, always_attach: bool = False) -> web.FileResponse:
    """The file with guarded headers, ranges and etag."""
    for_image = request.headers.get("Sec-Fetch-Dest") == "image"
    headers = guarded_headers(path.name, for_image=for_image, always_attach=always_attach)
    return web.FileResponse(path, headers=headers)
