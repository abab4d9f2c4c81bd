"""/global_subgraphs: subgraph blueprints of this installation and of packs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

import folder_paths
from app.errors import NotFoundError
from app.packs import Blueprint, blueprints


async def get_blueprints(request: web.Request) -> web.Response:
    """id -> entry without the graph."""
    found = await _all_blueprints()
    return web.json_response({item.id: item.to_entry() for item in found})


async def get_blueprint(request: web.Request) -> web.Response:
    """One entry with the text of its graph."""
    wanted = request.match_info["id"]
    found = await _all_blueprints()
    for item in found:
        if item.id == wanted:
            text = await asyncio.to_thread(item.path.read_text, encoding="utf-8")
            return web.json_response({**item.to_entry(), "data": text})
    raise NotFoundError("no such blueprint", field="id")


async def _all_blueprints() -> list[Blueprint]:
    """Those in `blueprints/` of the base folder and those of packs."""
    own = Path(folder_paths.base_path, "blueprints")
    return await asyncio.to_thread(blueprints, folder_paths.get_folder_paths("custom_nodes"), own)


ROUTES = (
    web.get("/global_subgraphs", get_blueprints),
    web.get("/global_subgraphs/{id}", get_blueprint),
)
