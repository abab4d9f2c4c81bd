"""A real server on loopback with a small engine of plain data behind it."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import folder_paths
from app.config import ServerConfig
from app.engine import Engine
from server import PromptServer, create_server


class PlainQueue:
    """Queue and history as plain lists; nothing runs by itself."""

    def __init__(self) -> None:
        self.running: list[tuple[Any, ...]] = []
        self.pending: list[tuple[Any, ...]] = []
        self.history: dict[str, Any] = {}
        self.flags: dict[str, Any] = {}
        self.interrupted: list[str] = []
        self.on_put: Callable[[tuple[Any, ...]], None] | None = None

    def put(self, item: tuple[Any, ...]) -> None:
        self.pending.append(item)
        if self.on_put is not None:
            self.on_put(item)

    def get_current_queue(self) -> tuple[list[Any], list[Any]]:
        return copy.deepcopy(self.running), copy.deepcopy(self.pending)

    def get_current_queue_volatile(self) -> tuple[list[Any], list[Any]]:
        return self.running, self.pending

    def running_ids(self) -> list[str]:
        return [item[1] for item in self.running]

    def get_tasks_remaining(self) -> int:
        return len(self.running) + len(self.pending)

    def wipe_queue(self) -> None:
        self.pending.clear()

    def delete_queue_item(self, function: Callable[[tuple[Any, ...]], bool]) -> bool:
        kept = [item for item in self.pending if not function(item)]
        removed = len(kept) < len(self.pending)
        self.pending = kept
        return removed

    def get_history(
        self,
        prompt_id: str | None = None,
        max_items: int | None = None,
        offset: int = -1,
        map_function: Callable[[dict[str, Any]], Any] | None = None,
    ) -> dict[str, Any]:
        if prompt_id is not None:
            return {prompt_id: self.history[prompt_id]} if prompt_id in self.history else {}
        entries = list(self.history.items())
        if max_items is not None:
            start = offset if offset >= 0 else max(0, len(entries) - max_items)
            entries = entries[start : start + max_items]
        elif offset >= 0:
            entries = entries[offset:]
        return {key: map_function(entry) if map_function else entry for key, entry in entries}

    def interrupt_if_running(self, prompt_id: str) -> bool:
        is_running = any(item[1] == prompt_id for item in self.running)
        if is_running:
            self.interrupted.append(prompt_id)
        return is_running

    def wipe_history(self) -> None:
        self.history.clear()

    def delete_history_item(self, id_to_delete: str) -> None:
        self.history.pop(id_to_delete, None)

    def set_flag(self, name: str, data: Any) -> None:
        self.flags[name] = data


@dataclass
class Served:
    """A running server, a client session bound to it, and the engine's insides."""

    server: PromptServer
    http: aiohttp.ClientSession
    queue: PlainQueue
    base: Path
    interrupts: list[bool] = field(default_factory=list)
    node_infos: dict[str, Any] = field(default_factory=dict)
    validation: list[tuple[bool, Any, list[str], dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def json(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Status and parsed body (None when it is empty)."""
        async with self.http.request(method, self.url + path, **options) as response:
            raw = await response.read()
            return response.status, (await response.json(content_type=None) if raw else None)

    async def connect(self, client_id: str = "", **options: Any) -> aiohttp.ClientWebSocketResponse:
        """An open event socket."""
        return await self.http.ws_connect(f"{self.url}/ws?clientId={client_id}", **options)

    def run_in_thread(self, function: Callable[[], None]) -> None:
        """Calls a function as the engine's thread would."""
        thread = threading.Thread(target=function)
        thread.start()
        thread.join(timeout=10)
        assert not thread.is_alive()


Serve = Callable[..., Any]


@pytest.fixture
def data_folders(tmp_path: Path) -> Iterator[Path]:
    """Fresh input, output, temp, user and model folders for one test."""
    before = folder_paths.base_path
    folder_paths.configure(str(tmp_path))
    for name in (
        "input",
        "output",
        "temp",
        "user",
        "custom_nodes",
        "models/checkpoints",
        "models/embeddings",
    ):
        (tmp_path / name).mkdir(parents=True)
    yield tmp_path
    folder_paths.configure(before)


@pytest.fixture
async def serve(data_folders: Path) -> AsyncIterator[Serve]:
    """Starts servers: `await serve(multi_user=True, ...)` with fields of ServerConfig."""
    started: list[Served] = []

    async def start(before_routes: Callable[[PromptServer], None] | None = None, **config: Any) -> Served:
        server = create_server(ServerConfig(port=0, **config))
        queue = PlainQueue()
        served = Served(server, aiohttp.ClientSession(), queue, data_folders)
        web_directories: dict[str, str] = {}

        async def validate(prompt_id: str, prompt: dict[str, Any], targets: Any) -> Any:
            return served.validation.pop(0) if served.validation else (True, None, ["1"], {})

        server.attach_engine(
            Engine(
                queue=queue,
                validate=validate,
                class_types=lambda: list(served.node_infos),
                node_info=lambda name: served.node_infos[name]["info"],
                interrupt=lambda: served.interrupts.append(True),
                web_directories=web_directories,
            )
        )
        if before_routes is not None:
            before_routes(server)
        server.add_routes()
        await server.start(verbose=False)
        started.append(served)
        return served

    yield start
    for served in started:
        await served.http.close()
        await served.server.stop()
    await asyncio.sleep(0)


@pytest.fixture
async def served(serve: Serve) -> Served:
    """A server with default settings."""
    return await serve()
