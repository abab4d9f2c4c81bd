"""GET and POST /users."""

from __future__ import annotations

from aiohttp import web

from app.bodies import read_json_object
from app.context import context_of


async def get_users(request: web.Request) -> web.Response:
    """The storage kind, and in multi-user mode the users."""
    return web.json_response(context_of(request).users.describe())


async def post_user(request: web.Request) -> web.Response:
    """Adds a user; the answer is the new id."""
    body = await read_json_object(request)
    return web.json_response(context_of(request).users.add(body.get("username")))


ROUTES = (web.get("/users", get_users), web.post("/users", post_user))
