"""/models, /embeddings, /view_metadata and the model browser: model files by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

import folder_paths
from app.errors import NotFoundError
from app.safetensors_header import read_metadata

_NOT_BROWSED = ("configs", "custom_nodes")


async def get_embeddings(request: web.Request) -> web.Response:
    """Names of embeddings without extension."""
    names = folder_paths.get_filename_list("embeddings")
    return web.json_response([os.path.splitext(name)[0] for name in names])


async def get_model_types(request: web.Request) -> web.Response:
    """The folder types, in registration order."""
    return web.json_response(list(folder_paths.folder_names_and_paths))


async def get_models(request: web.Request) -> web.Response:
    """Relative names of the files of one type."""
    return web.json_response(folder_paths.get_filename_list(_known_type(request)))


async def get_metadata(request: web.Request) -> web.Response:
    """The __metadata__ object of a safetensors file."""
    folder = request.match_info["folder_name"]
    name = request.query.get("filename", "")
    if folder not in folder_paths.folder_names_and_paths or not name.endswith(".safetensors"):
        raise NotFoundError("needs the name of a .safetensors file of a known folder", field="filename")
    path = folder_paths.get_full_path(folder, name)
    found = read_metadata(Path(path)) if path else None
    if not found:
        raise NotFoundError("no such file, or one without metadata", field="filename")
    return web.json_response(found)


async def get_browser_folders(request: web.Request) -> web.Response:
    """The folder types of the model browser."""
    known = folder_paths.folder_names_and_paths
    return web.json_response(
        [{"name": name, "folders": known[name][0]} for name in known if name not in _NOT_BROWSED]
    )


async def get_browser_files(request: web.Request) -> web.Response:
    """The model files of one type with size and times."""
    name = _known_type(request)
    entries = [
        entry
        for index, folder in enumerate(folder_paths.get_folder_paths(name))
        for entry in _model_files(folder, index)
    ]
    return web.json_response(entries)


def _known_type(request: web.Request) -> str:
    name = request.match_info["folder"]
    if name not in folder_paths.folder_names_and_paths:
        raise NotFoundError(f"unknown folder {name[:60]!r}; GET /models lists them", field="folder")
    return name


def _model_files(folder: str, index: int) -> Iterator[dict[str, Any]]:
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or suffix not in folder_paths.supported_pt_extensions:
                continue
            path = Path(root, name)
            if not path.exists():
                continue
            stat = path.stat()
            yield {
                "name": path.relative_to(folder).as_posix(),
                "pathIndex": index,
                "modified": stat.st_mtime,
                "created": stat.st_ctime,
                "size": stat.st_size,
            }


ROUTES = (
    web.get("/embeddings", get_embeddings),
    web.get("/models", get_model_types),
    web.get("/models/{folder}", get_models),
    web.get("/view_metadata/{folder_name}", get_metadata),
    web.get("/experiment/models", get_browser_folders),
    web.get("/experiment/models/{folder}", get_browser_files),
)
