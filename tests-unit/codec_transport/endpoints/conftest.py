"""A real aiohttp server with the codec endpoints and a host that answers from a table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from codec_transport.channel import EmittedLatent, LatentChannels
from codec_transport.endpoints import catalogue
from codec_transport.endpoints.catalogue import ModelCatalogue
from codec_transport.endpoints.context import CodecContext
from codec_transport.endpoints.routes import add_routes
from codec_transport.spaces.registry import SpaceRegistry


class FakeHost:
    """Runs nothing: emits `samples` into the request's channel, then ends the prompt with `entry`."""

    def __init__(self, channels: LatentChannels) -> None:
        self.channels = channels
        self.graphs: list[dict[str, Any]] = []
        self.samples: torch.Tensor | None = torch.linspace(-9, 9, 4 * 16 * 16).reshape(1, 4, 16, 16)
        self.entry: dict[str, Any] | None = {"status": {"status_str": "success"}, "outputs": {}}
        self.refused: dict[str, Any] | None = None
        self.cancelled: list[str] = []
        self.was_submitted, self.was_cancelled = asyncio.Event(), asyncio.Event()
        self.num_waiting = 0
        self.never_ends = False

    async def submit(self, prompt_id: str, graph: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.graphs.append(json.loads(json.dumps(graph)))
        self.was_submitted.set()
        if self.refused is not None:
            return self.refused
        if "emit" in graph and self.samples is not None:
            asyncio.get_running_loop().call_soon(self._emit, prompt_id, graph["emit"]["inputs"])
        return None

    def _emit(self, prompt_id: str, inputs: Mapping[str, Any]) -> None:
        latent = EmittedLatent(prompt_id, inputs["channel"], self.samples, "", inputs["pipeline"], 0.0)
        self.channels.emit(latent)

    async def outcome(self, prompt_id: str) -> Mapping[str, Any] | None:
        if self.never_ends or self.samples is not None:
            await asyncio.Event().wait()
        return self.entry

    def cancel(self, prompt_id: str) -> None:
        self.cancelled.append(prompt_id)
        self.was_cancelled.set()


@pytest.fixture
def host() -> FakeHost:
    return FakeHost(LatentChannels())


DEMO = catalogue.ServedModel(
    catalogue.DEMO_CHECKPOINT, "sd1", "codec-comfyui/demo-sd1", 128, 3.0, "euler", "normal"
)


@pytest.fixture
def serve_model(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what the one checkpoint is, where it is not the demo model as it is."""

    def serve(**fields: Any) -> None:
        monkeypatch.setattr(catalogue, "read_model", lambda file, path: replace(DEMO, **fields))

    serve()
    return serve


@pytest.fixture
def models(tmp_path: Path, serve_model: Callable[..., None]) -> ModelCatalogue:
    """A catalogue with one model; reading the header is tested with the catalogue."""
    (tmp_path / catalogue.DEMO_CHECKPOINT).write_bytes(b"")
    return ModelCatalogue(lambda: [catalogue.DEMO_CHECKPOINT], lambda name: str(tmp_path / name))


@pytest.fixture
async def client(host: FakeHost, models: ModelCatalogue, tmp_path: Path):
    application = web.Application()
    table = web.RouteTableDef()
    context = CodecContext(
        runner=host,
        models=models,
        spaces=SpaceRegistry(),
        file_path=lambda kind, subfolder, name: tmp_path / subfolder / name,
        channels=host.channels,
    )
    add_routes(application, table, context)
    application.add_routes(table)
    async with TestClient(TestServer(application)) as made:
        yield made
