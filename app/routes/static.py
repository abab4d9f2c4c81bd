"""Files as they are: the page, templates, docs, and the web folders of packs. Added last, "/" catches all."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

import folder_paths
from app.context import Context, context_of
from app.errors import NotFoundError, RequestError
from app.frontend import OUR_EXTENSION, OUR_EXTENSION_FOLDER
from app.packs import example_folders

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def get_page(request: web.Request) -> web.FileResponse:
    """The page itself, never cached: it names the built files of its version."""
    headers = {"Cache-Control": "no-store, must-revalidate", "Pragma": "no-cache", "Expires": "0"}
    return web.FileResponse(context_of(request).roots.page / "index.html", headers=headers)


def static_handler(root: Path) -> Handler:
    """A handler for the files of one folder, by the path after its mount point."""

    async def get_static(request: web.Request) -> web.FileResponse:
        path = folder_paths.jailed_path(root, request.match_info["file"])
        if path.is_dir():
            raise RequestError("is_folder", "folders are not listed", field="path", status=403)
        if not path.is_file():
            raise NotFoundError(f"nothing at {request.path[:200]}", field="path")
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return web.FileResponse(path, headers={"Content-Type": content_type})

    return get_static


def add_static_routes(app: web.Application, context: Context) -> None:
    """Mounts every folder; call it after all other routes."""
    app.router.add_get("/", get_page)
    for mount, folder in _mounts(context):
        app.router.add_get(mount + "/{file:.*}", static_handler(folder))


def _mounts(context: Context) -> list[tuple[str, Path]]:
    mounts = [(f"/extensions/{OUR_EXTENSION}", OUR_EXTENSION_FOLDER)]
    mounts += [
        (f"/extensions/{quote(name)}", Path(folder))
        for name, folder in context.engine.web_directories.items()
    ]
    mounts += [
        (f"/api/workflow_templates/{quote(pack)}", folder)
        for pack, folder in example_folders(folder_paths.get_folder_paths("custom_nodes"))
    ]
    if context.roots.templates is not None:
        mounts.append(("/templates", context.roots.templates))
    if context.roots.docs is not None:
        mounts.append(("/docs", context.roots.docs))
    return [*mounts, ("", context.roots.page)]
