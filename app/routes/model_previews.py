"""GET /experiment/models/preview: the picture beside a model file, or in its metadata."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from io import BytesIO
from pathlib import Path

from aiohttp import web

import folder_paths
from app.errors import NotFoundError, RequestError
from app.pictures import open_picture
from app.safetensors_header import read_metadata

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")


async def get_preview(request: web.Request) -> web.Response:
    """The preview as WebP."""
    folder, filename = request.match_info["folder"], request.match_info["filename"]
    if folder not in folder_paths.folder_names_and_paths:
        raise NotFoundError("unknown folder", field="folder")
    roots = folder_paths.get_folder_paths(folder)
    index_text = request.match_info["path_index"]
    if not index_text.isdigit() or int(index_text) >= len(roots):
        raise RequestError("invalid_index", f"must be 0 to {len(roots) - 1}", field="path_index")
    model = folder_paths.jailed_path(roots[int(index_text)], filename)
    data = await asyncio.to_thread(_preview, model)
    if data is None:
        raise NotFoundError("this model has no preview", field="filename")
    return web.Response(body=data, content_type="image/webp")


def _preview(model: Path) -> bytes | None:
    for infix in ("", ".preview"):
        for suffix in _SUFFIXES:
            path = model.with_name(f"{model.stem}{infix}{suffix}")
            if path.is_file() and not path.is_symlink():
                return _as_webp(path)
    return _cover(model)


def _cover(model: Path) -> bytes | None:
    text = (read_metadata(model) or {}).get("ssmd_cover_images")
    if model.suffix != ".safetensors" or not text:
        return None
    try:
        covers = json.loads(text)
        raw = base64.b64decode(covers[0], validate=True)
    except (ValueError, TypeError, LookupError, binascii.Error):
        return None
    return _as_webp(BytesIO(raw))


def _as_webp(source: Path | BytesIO) -> bytes:
    picture = open_picture(source)
    out = BytesIO()
    picture.convert("RGBA" if "A" in picture.getbands() else "RGB").save(out, format="WEBP")
    return out.getvalue()


ROUTES = (web.get("/experiment/models/preview/{folder}/{path_index}/{filename:.*}", get_preview),)
