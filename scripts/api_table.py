"""Writes the route table of docs/api.md from the registered routes: `.venv/bin/python -m scripts.api_table`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from app.config import ServerConfig
from app.openapi.document import route_table, routes_of
from codec_transport.endpoints.routes import add_routes as add_codec_routes
from server import create_server

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
BEGIN, END = "<!-- routes: generated -->\n", "<!-- end of routes -->\n"


async def current_table() -> str:
    """The table of a server without packs."""
    server = create_server(ServerConfig())
    add_codec_routes(web.Application(), server.routes, cast("Any", None))
    server.add_routes()
    return route_table(routes_of(server.app))


def with_table(text: str, table: str) -> str:
    """The page with another table between its marks."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{table}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(
        with_table(PAGE.read_text(encoding="utf-8"), asyncio.run(current_table())), encoding="utf-8"
    )
