"""A real aiohttp server with the codec endpoints and a host that answers from a table."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
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
from codec_transport.endpoints.patience import StreamLimits
from codec_transport.endpoints.routes import add_routes
from codec_transport.errors import ListenerGoneError
from codec_transport.spaces.registry import SpaceRegistry


class FakeHost:
    """Runs nothing: emits `samples` (or `parts`, one by one) into the request's channel, then ends with `entry`.

    A prompt with samples or parts ends when `end` is called; one without ends at once, unless it `never_ends`.
    """

    def __init__(self, channels: LatentChannels) -> None:
        self.channels = channels
        self.graphs: list[dict[str, Any]] = []
        self.prompts: dict[str, dict[str, Any]] = {}
        self.samples: torch.Tensor | None = torch.linspace(-9, 9, 4 * 16 * 16).reshape(1, 4, 16, 16)
        self.parts: list[torch.Tensor] = []
        self.emitted: list[int] = []
        self.emit_error: Exception | None = None
        self.steps: list[dict[str, Any]] = []
        self.entry: dict[str, Any] | None = {"status": {"status_str": "success"}, "outputs": {}}
        self.refused: dict[str, Any] | None = None
        self.cancelled: list[str] = []
        self.was_submitted, self.was_cancelled = asyncio.Event(), asyncio.Event()
        self.num_waiting = 0
        self.never_ends = False
        self._ended = asyncio.Event()
        self._watching: dict[str, Callable[[Mapping[str, Any]], None]] = {}
        self._emitter: asyncio.Task[None] | None = None

    async def submit(self, prompt_id: str, graph: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.graphs.append(json.loads(json.dumps(graph)))
        self.prompts[prompt_id] = self.graphs[-1]
        self.was_submitted.set()
        if self.refused is not None:
            return self.refused
        for step in self.steps if prompt_id in self._watching else ():
            self._watching[prompt_id](step)
        inputs = next(
            (node["inputs"] for node in graph.values() if node["class_type"] == "EmitLatents"), None
        )
        if inputs is not None and (self.parts or self.samples is not None):
            parts = self.parts or [self.samples]
            self._emitter = asyncio.ensure_future(asyncio.to_thread(self._emit, prompt_id, inputs, parts))
        return None

    def _emit(self, prompt_id: str, inputs: Mapping[str, Any], parts: list[Any]) -> None:
        space, pipeline, rate = (inputs[name] for name in ("latent_space", "pipeline", "frame_rate"))
        for i, samples in enumerate(parts):
            is_last = i == len(parts) - 1
            latent = EmittedLatent(prompt_id, inputs["channel"], samples, space, pipeline, rate, is_last)
            try:
                self.channels.emit(latent)
            except ListenerGoneError as error:
                self.emit_error = error
                return
            self.emitted.append(i)

    async def emitter_done(self) -> None:
        """Waits until the emitting thread is through."""
        assert self._emitter is not None
        async with asyncio.timeout(5):
            await self._emitter

    async def outcome(self, prompt_id: str) -> Mapping[str, Any] | None:
        if self.never_ends or self.samples is not None:
            await self._ended.wait()
        return self.entry

    def end(self, entry: dict[str, Any] | None) -> None:
        """The prompt ends now, with this history entry."""
        self.entry = entry
        self._ended.set()

    def graph(self, prompt_id: str) -> Mapping[str, Any] | None:
        return self.prompts.get(prompt_id)

    @contextlib.contextmanager
    def watch(self, prompt_id: str, tell: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
        self._watching[prompt_id] = tell
        try:
            yield
        finally:
            del self._watching[prompt_id]

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
def stream_limits() -> StreamLimits:
    """Tests of patience override it."""
    return StreamLimits()


@pytest.fixture
async def client(host: FakeHost, models: ModelCatalogue, tmp_path: Path, stream_limits: StreamLimits):
    application = web.Application()
    table = web.RouteTableDef()
    context = CodecContext(
        runner=host,
        models=models,
        spaces=SpaceRegistry(),
        file_path=lambda kind, subfolder, name: tmp_path / subfolder / name,
        channels=host.channels,
        streams=stream_limits,
    )
    add_routes(application, table, context)
    application.add_routes(table)
    async with TestClient(TestServer(application)) as made:
        yield made
