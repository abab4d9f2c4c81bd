"""/userdata: files of one user (workflows, blueprints, style). `{file}` is one URL-encoded segment."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from aiohttp import web

from app import userdata
from app.bodies import query_flag
from app.context import context_of
from app.errors import NotFoundError, RequestError
from app.file_answers import guarded_file
from folder_paths import jailed_path

PAGE_STYLE = "user.css"
"""The one file that the page loads as what it is."""


async def get_listing(request: web.Request) -> web.Response:
    """The files of one folder, as names, split names or full facts."""
    directory = request.query.get("dir", "")
    if not directory:
        raise RequestError("no_directory", "Directory not provided", field="dir")
    folder = jailed_path(_root(request), directory)
    if not folder.is_dir():
        raise NotFoundError("Directory not found", field="dir")
    files = await asyncio.to_thread(userdata.list_files, folder, query_flag(request, "recurse"))
    if query_flag(request, "full_info"):
        return web.json_response([userdata.file_facts(path, folder) for path in files])
    names = [path.relative_to(folder).as_posix() for path in files]
    if query_flag(request, "split"):
        return web.json_response([[name, *name.split("/")] for name in names])
    return web.json_response(names)


async def get_tree(request: web.Request) -> web.Response:
    """Everything below a folder, folders first (GET /v2/userdata)."""
    root = _root(request)
    start = jailed_path(root, request.query.get("path", ""))
    if not start.exists():
        if start == root:
            return web.json_response([])
        raise NotFoundError("Requested path not found", field="path")
    if not start.is_dir():
        raise RequestError("not_a_directory", "must name a folder", field="path")
    return web.json_response(await asyncio.to_thread(userdata.tree_entries, root, start))


async def get_file(request: web.Request) -> web.FileResponse:
    """The file's bytes, as an attachment unless it is the page's style."""
    path = userdata.existing_file(_root(request), request.match_info["file"])
    if path.name == PAGE_STYLE:
        return web.FileResponse(
            path, headers={"X-Content-Type-Options": "nosniff", "Content-Type": "text/css"}
        )
    return guarded_file(request, path, always_attach=True)


async def post_file(request: web.Request) -> web.Response:
    """Stores the raw body under a name."""
    root = _root(request)
    path = userdata.user_file(root, request.match_info["file"])
    overwrite = request.query.get("overwrite") != "false"
    body = await request.read()
    await asyncio.to_thread(userdata.store, path, body, overwrite=overwrite)
    return web.json_response(_stored(request, path, root))


async def delete_file(request: web.Request) -> web.Response:
    """Removes a file."""
    path = userdata.existing_file(_root(request), request.match_info["file"])
    path.unlink()
    return web.Response(status=204)


async def move_file(request: web.Request) -> web.Response:
    """Renames a file."""
    root = _root(request)
    source = userdata.existing_file(root, request.match_info["file"])
    target = userdata.user_file(root, request.match_info["dest"], field="dest")
    userdata.move(source, target, overwrite=request.query.get("overwrite") != "false")
    return web.json_response(_stored(request, target, root))


def _root(request: web.Request) -> Path:
    users = context_of(request).users
    return Path(os.path.realpath(users.root(users.user_of(request.headers))))


def _stored(request: web.Request, path: Path, root: Path) -> dict[str, Any] | str:
    if query_flag(request, "full_info"):
        return userdata.file_facts(path, root)
    return path.relative_to(root).as_posix()


ROUTES = (
    web.get("/userdata", get_listing),
    web.get("/v2/userdata", get_tree),
    web.get("/userdata/{file}", get_file),
    web.post("/userdata/{file}", post_file),
    web.delete("/userdata/{file}", delete_file),
    web.post("/userdata/{file}/move/{dest}", move_file),
)
