"""Answering a JSON client with `stream: true`: server-sent events for every step, the files, then `[DONE]`.

Source of the event format: WHATWG HTML, section 9.2 (server-sent events); names and the closing line as OpenAI's
image endpoint has them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from codec_transport.endpoints.context import CodecContext
from codec_transport.endpoints.negotiation_records import VARY, Endpoint, GenerationRequest
from codec_transport.endpoints.patience import reading_in_time
from codec_transport.endpoints.pixel_answer import pixel_body, pixel_work
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.submission import Work, submit
from codec_transport.endpoints.waiting import cancelling, wait_for_end, watched

KEEP_ALIVE_S = 15.0
"""Proxies close connections that are silent for 30 s or more."""

Step = Mapping[str, Any]


async def answer_events(
    request: web.Request, context: CodecContext, generation: GenerationRequest
) -> web.StreamResponse:
    """Progress, results and the end as events. Raises: RejectionError before the first, ClientGoneError."""
    work = pixel_work(context, generation)
    with context.slots.taken(request.remote):
        steps: asyncio.Queue[Step] = asyncio.Queue()
        with context.runner.watch(work.prompt_id, steps.put_nowait):
            await submit(context, work)
            kind = "image_generation" if generation.endpoint is Endpoint.IMAGES else "video_generation"
            events = _Events(request, context, kind)
            with cancelling(context, work.prompt_id):
                await events.start(work)
                entry = await _progress(request, context, work, steps, events)
                try:
                    await events.results(await pixel_body(request, context, generation, entry))
                except RejectionError as error:
                    await events.send("error", {"type": "error", **error.body()})
                await events.finish()
        return events.response


async def _progress(
    request: web.Request, context: CodecContext, work: Work, steps: asyncio.Queue[Step], events: _Events
) -> Mapping[str, Any] | None:
    """Sends every step; the prompt's history entry at its end."""
    while True:
        with watched(steps.get()) as step:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    entry = await wait_for_end(request, context, work.prompt_id, step)
            except TimeoutError:
                await events.keep_alive()
                continue
            if step.done():
                await events.step(work, step.result())
                continue
        while not steps.empty():
            await events.step(work, steps.get_nowait())
        return entry


class _Events:
    """The response and its event format. kind: first part of the event names."""

    def __init__(self, request: web.Request, context: CodecContext, kind: str) -> None:
        self._request = request
        self._limits = context.streams
        self._kind = kind
        self.response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "Vary": VARY,
                "X-Accel-Buffering": "no",
            }
        )

    async def start(self, work: Work) -> None:
        self.response.headers.update(work.headers())
        await self.response.prepare(self._request)

    async def step(self, work: Work, step: Step) -> None:
        """One step of one node: `node`, its `class_type`, `value` of `max`."""
        node = work.graph.get(str(step.get("node")), {})
        name = f"{self._kind}.progress"
        await self.send(name, {"type": name, **step, "class_type": node.get("class_type")})

    async def results(self, body: Mapping[str, Any]) -> None:
        """Each file as an event of its own."""
        name = f"{self._kind}.completed"
        shared = {key: value for key, value in body.items() if key != "data"}
        for index, item in enumerate(body["data"]):
            await self.send(name, {"type": name, **shared, "index": index, **item})

    async def send(self, name: str, data: Mapping[str, Any]) -> None:
        await self._write(f"event: {name}\ndata: {json.dumps(data)}\n\n")

    async def keep_alive(self) -> None:
        await self._write(": waiting\n\n")

    async def finish(self) -> None:
        await self._write("data: [DONE]\n\n")
        async with reading_in_time(self._request, self._limits):
            await self.response.write_eof()

    async def _write(self, text: str) -> None:
        async with reading_in_time(self._request, self._limits):
            await self.response.write(text.encode())
