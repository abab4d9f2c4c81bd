"""/global_subgraphs: subgraph blueprints that packs bring."""

from __future__ import annotations

import asyncio

from aiohttp import web

import folder_paths
from app.errors import NotFoundError
from app.packs import blueprints


async def get_blueprints(request: web.Request) -> web.Response:
    """id -> entry without the graph."""
    found = await asyncio.to_thread(blueprints, folder_paths.get_folder_paths("custom_nodes"))
    return web.json_response({item.id: item.to_entry() for item in found})


async def get_blueprint(request: web.Request) -> web.Response:
    """One entry with the text of its graph."""
    wanted = request.match_info["id"]
    found = await asyncio.to_thread(blueprints, folder_paths.get_folder_paths("custom_nodes"))
    for item in found:
        if item.id == wanted:
            text = await asyncio.to_thread(item.path.read_text, encoding="utf-8")
            return web.json_response({**item.to_entry(), "data": text})
    raise NotFoundError("no such blueprint", field="id")


ROUTES = (
    web.get("/global_subgraphs", get_blueprints),
    web.get("/global_subgraphs/{id}", get_blueprint),
)
