"""Files as they are: the page, templates, docs, and the web folders of packs. Added last, "/" catches all."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from aiohttp import web

import folder_paths
from app.context import context_of
from app.errors import NotFoundError, RequestError
from app.frontend import OUR_EXTENSION, OUR_EXTENSION_FOLDER
from app.packs import example_folders


async def get_page(request: web.Request) -> web.FileResponse:
    """The page itself, never cached: it names the built files of its version."""
    headers = {"Cache-Control": "no-store, must-revalidate", "Pragma": "no-cache", "Expires": "0"}
    return web.FileResponse(context_of(request).roots.page / "index.html", headers=headers)


async def get_extension_file(request: web.Request) -> web.FileResponse:
    """A file of our extension, of a pack's web folder, or of the page's own extensions."""
    context = context_of(request)
    name = request.match_info["extension"]
    folder = context.engine.web_directories.get(name)
    if name == OUR_EXTENSION:
        root = OUR_EXTENSION_FOLDER
    elif folder is not None:
        root = Path(folder)
    else:
        root = folder_paths.jailed_path(context.roots.page / "extensions", name)
    return static_file(request, root)


async def get_example_workflow(request: web.Request) -> web.FileResponse:
    """An example workflow of a pack."""
    roots = folder_paths.get_folder_paths("custom_nodes")
    for pack, folder in example_folders(roots):
        if pack == request.match_info["pack"] and (folder / request.match_info["file"]).is_file():
            return static_file(request, folder)
    raise NotFoundError(f"nothing at {request.path[:200]}", field="path")


async def get_template(request: web.Request) -> web.FileResponse:
    """A file of the templates package; a missing package only means that there are none."""
    return _package_file(request, context_of(request).roots.templates)


async def get_doc(request: web.Request) -> web.FileResponse:
    """A file of the embedded docs."""
    return _package_file(request, context_of(request).roots.docs)


async def get_page_file(request: web.Request) -> web.FileResponse:
    """Any other file of the page."""
    return static_file(request, context_of(request).roots.page)


def static_file(request: web.Request, root: Path) -> web.FileResponse:
    """The file that the rest of the path names below `root`.

    Raises: NotFoundError; RequestError 403 for a folder; PathEscapeError when it leaves the root.
    """
    path = folder_paths.jailed_path(root, request.match_info["file"])
    if path.is_dir():
        raise RequestError("is_folder", "folders are not listed", field="path", status=403)
    if not path.is_file():
        raise NotFoundError(f"nothing at {request.path[:200]}", field="path")
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return web.FileResponse(path, headers={"Content-Type": content_type})


def _package_file(request: web.Request, root: Path | None) -> web.FileResponse:
    if root is None:
        raise NotFoundError("this package is not installed", field="path")
    return static_file(request, root)


ROUTES = (
    web.get("/", get_page),
    web.get("/extensions/{extension}/{file:.*}", get_extension_file),
    web.get("/api/workflow_templates/{pack}/{file:.*}", get_example_workflow),
    web.get("/templates/{file:.*}", get_template),
    web.get("/docs/{file:.*}", get_doc),
    web.get("/{file:.*}", get_page_file),
)
