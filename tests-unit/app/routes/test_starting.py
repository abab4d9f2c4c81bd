"""What a server answers between listening and having loaded its nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from served_app import PlainQueue

from app.auth.gate import AuthMode
from app.config import ServerConfig
from app.engine import Engine
from server import PromptServer, create_server


def plain_engine() -> Engine:
    async def validate(*_: Any) -> Any:
        return True, None, ["1"], {}

    return Engine(
        queue=PlainQueue(),
        validate=validate,
        class_types=lambda: [],
        node_info=lambda name: {},
        interrupt=lambda: None,
        devices=lambda: [{"name": "from the engine"}],
    )


@pytest.fixture
async def early(data_folders: Path) -> AsyncIterator[PromptServer]:
    """A server that listens and has no nodes yet."""
    server = create_server(ServerConfig(port=0, plain_cpu=True))
    await server.bind()
    yield server
    await server.stop()


async def get(server: PromptServer, path: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{server.port}{path}") as answer,
    ):
        return answer.status, await answer.json()


async def test_facts_of_the_machine_are_there_before_the_nodes(early: PromptServer) -> None:
    for path in ("/system_stats", "/api/system_stats"):
        status, body = await get(early, path)
        (device,) = body["devices"]
        assert status == 200
        assert (device["name"], device["type"], device["index"]) == ("cpu", "cpu", None)
        assert device["vram_total"] == device["torch_vram_total"] == body["system"]["ram_total"]


async def test_other_requests_wait_for_the_nodes_and_reach_routes_that_packs_added(
    early: PromptServer,
) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.json_response("from a pack")

    waiting = asyncio.create_task(get(early, "/api/hello"))
    await get(early, "/system_stats")  # a whole round trip later the first one still waits
    assert not waiting.done()
    early.routes.get("/hello")(hello)
    seen: list[str] = []

    @web.middleware
    async def of_a_pack(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append(request.path)
        return await handler(request)

    early.app.middlewares.append(of_a_pack)
    early.attach_engine(plain_engine())
    early.add_routes()
    await early.start(verbose=False)
    assert await waiting == (200, "from a pack")
    assert seen == ["/api/hello"]
    _, stats = await get(early, "/system_stats")
    assert stats["devices"] == [{"name": "from the engine"}]


async def test_signals_of_the_application_reach_packs(early: PromptServer) -> None:
    told: list[str] = []

    async def note(name: str) -> None:
        told.append(name)

    early.app.on_startup.append(lambda _: note("startup"))
    early.app.on_shutdown.append(lambda _: note("shutdown"))
    early.app.on_cleanup.append(lambda _: note("cleanup"))
    early.attach_engine(plain_engine())
    early.add_routes()
    await early.start(verbose=False)
    assert told == ["startup"]
    await early.stop()
    assert told == ["startup", "shutdown", "cleanup"]


async def test_a_server_with_an_accelerator_asks_torch_first(data_folders: Path) -> None:
    server = create_server(ServerConfig(port=0, plain_cpu=False))
    await server.bind()
    waiting = asyncio.create_task(get(server, "/system_stats"))
    server.attach_engine(plain_engine())
    server.add_routes()
    await server.start(verbose=False)
    assert (await waiting)[1]["devices"] == [{"name": "from the engine"}]
    await server.stop()


async def test_a_locked_server_asks_for_a_key_from_the_first_moment(data_folders: Path) -> None:
    server = create_server(ServerConfig(port=0, plain_cpu=True, auth=AuthMode.ON))
    await server.bind()
    status, body = await get(server, "/system_stats")
    assert (status, body["error"]["type"]) == (401, "unauthorized")
    await server.stop()
