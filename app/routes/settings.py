"""/settings: the web page's settings of one user."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from app.bodies import read_json, read_json_object
from app.context import context_of
from app.settings import merge_settings, read_settings


async def get_settings(request: web.Request) -> web.Response:
    """All settings."""
    return web.json_response(read_settings(_root(request)))


async def get_setting(request: web.Request) -> web.Response:
    """One value, null when unset."""
    return web.json_response(read_settings(_root(request)).get(request.match_info["id"]))


async def post_settings(request: web.Request) -> web.Response:
    """Merges an object of settings."""
    body = await read_json_object(request)
    merge_settings(_root(request), body)
    return web.Response()


async def post_setting(request: web.Request) -> web.Response:
    """Sets one value: the body is the bare JSON value."""
    value = await read_json(request)
    merge_settings(_root(request), {request.match_info["id"]: value})
    return web.Response()


def _root(request: web.Request) -> Path:
    users = context_of(request).users
    return users.root(users.user_of(request.headers))


ROUTES = (
    web.get("/settings", get_settings),
    web.get("/settings/{id}", get_setting),
    web.post("/settings", post_settings),
    web.post("/settings/{id}", post_setting),
)
