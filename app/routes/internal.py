"""/internal: a sub-application for the page itself; it has no /api alias."""

from __future__ import annotations

import os
from typing import Any

from aiohttp import web

import folder_paths
from app.bodies import read_json_object
from app.context import context_of
from app.errors import RequestError
from app.logs import terminal_size


async def get_logs(request: web.Request) -> web.Response:
    """All kept lines as one text."""
    return web.json_response(context_of(request).logs.text())


async def get_raw_logs(request: web.Request) -> web.Response:
    """The kept entries."""
    return web.json_response({"entries": context_of(request).logs.entries(), "size": terminal_size()})


async def patch_subscription(request: web.Request) -> web.Response:
    """Turns `logs` messages on or off for one websocket client."""
    body = await read_json_object(request)
    client_id, enabled = body.get("clientId"), body.get("enabled")
    if not isinstance(client_id, str):
        raise RequestError("invalid_client", "must be a websocket session id", field="clientId")
    context = context_of(request)
    if enabled and context.hub.wants(client_id):
        context.logs.subscribers.add(client_id)
    else:
        context.logs.subscribers.discard(client_id)
    return web.Response()


async def get_folder_paths(request: web.Request) -> web.Response:
    """Folder type -> absolute folders."""
    known = folder_paths.folder_names_and_paths
    return web.json_response({name: list(known[name][0]) for name in known})


async def get_files(request: web.Request) -> web.Response:
    """File names of input, output or temp, newest first, not recursive."""
    folder = folder_paths.get_directory_by_type(request.match_info["directory_type"])
    if folder is None:
        raise RequestError("invalid_type", "Invalid directory type", field="directory_type", plain=True)
    return web.json_response(_newest_first(folder))


def _newest_first(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    with os.scandir(folder) as entries:
        visible = [e for e in entries if not e.name.startswith(".") and e.is_file(follow_symlinks=False)]
        found: list[tuple[Any, str]] = [(-entry.stat().st_mtime_ns, entry.name) for entry in visible]
    return [name for _, name in sorted(found)]


ROUTES = (
    web.get("/logs", get_logs),
    web.get("/logs/raw", get_raw_logs),
    web.patch("/logs/subscribe", patch_subscription),
    web.get("/folder_paths", get_folder_paths),
    web.get("/files/{directory_type}", get_files),
)
