"""GET /view: files of the output, input and temp folders."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from aiohttp import web

import folder_paths
from app.errors import NotFoundError, RequestError
from app.file_answers import disposition, guarded_file
from app.pictures import channel_bytes, preview_bytes


async def get_view(request: web.Request) -> web.StreamResponse:
    """The file itself, or re-encoded with `preview`, or one `channel` of it."""
    path = _wanted_file(request)
    channel = request.query.get("channel", "rgba")
    if "preview" in request.query:
        data, content_type = await asyncio.to_thread(
            preview_bytes, path, request.query["preview"], request.query.get("channel", "")
        )
        return _picture(data, content_type, path.name)
    if channel in ("rgb", "a"):
        data = await asyncio.to_thread(channel_bytes, path, channel)
        return _picture(data, "image/png", path.name)
    return guarded_file(request, path)


def _wanted_file(request: web.Request) -> Path:
    """The file that the query names.

    Raises: NotFoundError without a filename or without such a file; RequestError 400 for an impossible name
    or type; 403 for a subfolder that leaves the folder.
    """
    if "filename" not in request.query:
        raise NotFoundError("needs a filename", field="filename")
    name, root = folder_paths.annotated_filepath(request.query["filename"])
    if not name or name.startswith(("/", "\\")) or ".." in name or "\x00" in name:
        raise RequestError(
            "path_refused", "must name a file, without '..' or a leading '/'", field="filename"
        )
    if root is None:
        type_ = request.query.get("type", "output")
        root = folder_paths.get_directory_by_type(type_)
        if root is None:
            raise RequestError(
                "unknown_type", f"must be output, input or temp, got {type_[:40]!r}", field="type"
            )
    relative = os.path.join(request.query.get("subfolder", ""), os.path.basename(name))
    try:
        path = folder_paths.jailed_path(root, relative)
    except folder_paths.PathEscapeError as error:
        raise RequestError("path_refused", error.reason, field="subfolder", status=403) from error
    if not path.is_file():
        raise NotFoundError("no such file", field="filename")
    return path


def _picture(data: bytes, content_type: str, name: str) -> web.Response:
    headers = {"Content-Disposition": disposition(None, name), "X-Content-Type-Options": "nosniff"}
    return web.Response(body=data, content_type=content_type, headers=headers)


ROUTES = (web.get("/view", get_view),)
