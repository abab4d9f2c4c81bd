"""GET /i18n: translations of packs, read once."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from aiohttp import web

import folder_paths
from app.packs import translations


async def get_i18n(request: web.Request) -> web.Response:
    """Language -> translations, {} without packs."""
    roots = tuple(folder_paths.get_folder_paths("custom_nodes"))
    return web.json_response(await asyncio.to_thread(_read_once, roots))


@lru_cache(maxsize=4)
def _read_once(roots: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return translations(roots)


ROUTES = (web.get("/i18n", get_i18n),)
