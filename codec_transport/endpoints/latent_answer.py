"""Answering a generation request with a latent stream: header first, then the frames as they come."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from codec_transport.channel import EmittedLatent
from codec_transport.endpoints.context import CodecContext
from codec_transport.endpoints.negotiation_records import GenerationRequest, LatentDelivery
from codec_transport.endpoints.submission import submit
from codec_transport.endpoints.waiting import cancelling, wait_for_end
from codec_transport.errors import CodecError
from codec_transport.pipelines.cutting import cut_latent
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.stream import LatentStreamWriter
from codec_transport.spaces.affine import to_model_space
from codec_transport.spaces.space import LatentSpace
from codec_transport.wire.codings import BodyCoder, body_coder
from codec_transport.wire.messages import Buffer

logger = logging.getLogger(__name__)


async def answer_latents(
    request: web.Request,
    context: CodecContext,
    generation: GenerationRequest,
    delivery: LatentDelivery,
    values: Mapping[str, Any],
) -> web.StreamResponse:
    """Queues the request's graph, sends the header at once and each frame when it is there.

    Raises: RejectionError before the first byte. After it every failure becomes an error frame.
    """
    prompt_id, channel = str(uuid.uuid4()), uuid.uuid4().hex
    arrived: asyncio.Future[EmittedLatent] = asyncio.get_running_loop().create_future()
    context.channels.listen(prompt_id, channel, _into(arrived))
    try:
        await submit(context, generation, "latents", prompt_id, {**values, "channel": channel})
        sender = _Sender(request, delivery)
        with cancelling(context, prompt_id):
            await sender.start({"X-Codec-Seed": str(values["seed"]), "X-Codec-Prompt-Id": prompt_id})
            await wait_for_end(request, context, prompt_id, arrived)
            # a latent is handed over before its prompt ends, so one that is not here now never comes
            await sender.finish(arrived.result() if arrived.done() else None)
        return sender.response
    finally:
        context.channels.forget(prompt_id, channel)


def _into(future: asyncio.Future[EmittedLatent]) -> Any:
    loop = future.get_loop()

    def arrive(latent: EmittedLatent) -> None:
        if not future.done():
            future.set_result(latent)

    def deliver(latent: EmittedLatent) -> None:
        loop.call_soon_threadsafe(arrive, latent)

    return deliver


class _Sender:
    """One response: encoder, content coding and socket."""

    def __init__(self, request: web.Request, delivery: LatentDelivery) -> None:
        self._request = request
        self._space: LatentSpace = delivery.space
        encoder = LatentStreamEncoder(
            delivery.space.id,
            delivery.shape,
            delivery.space.dtype,
            delivery.pipeline,
            stream_format=delivery.stream_format,
            static_scales=delivery.static_scales,
            total_frames=delivery.total_frames,
            vae_scale_factor=delivery.space.vae_scale_factor,
        )
        self._writer = LatentStreamWriter(encoder, keyframe_interval=delivery.keyframe_interval)
        self._coder: BodyCoder = body_coder(delivery.content_coding)
        self.response = web.StreamResponse(headers=delivery.response_headers())

    async def start(self, headers: Mapping[str, str]) -> None:
        """Response head and stream header."""
        self.response.headers.update(headers)
        await self.response.prepare(self._request)
        await self._write(self._coder.message(self._writer.header()))

    async def finish(self, latent: EmittedLatent | None) -> None:
        """The frames, or the error frame; then the end of the body."""
        try:
            if latent is None:
                await self._write(self._coder.message(self._writer.fail()))
            else:
                await self._frames(latent)
        except CodecError as error:
            logger.warning("latent stream ended early: %s", error)
            await self._write(self._coder.message(self._writer.fail()))
        await self._write(self._coder.finish())
        await self.response.write_eof()

    async def _frames(self, latent: EmittedLatent) -> None:
        frames = list(cut_latent(to_model_space(latent.samples, self._space)))
        for i, frame in enumerate(frames):
            buffers = await asyncio.to_thread(self._writer.frame, frame, last=i == len(frames) - 1)
            await self._write(self._coder.message(buffers))

    async def _write(self, buffers: Iterable[Buffer]) -> None:
        for buffer in buffers:
            if len(buffer):
                await self.response.write(buffer)
