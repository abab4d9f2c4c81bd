"""One latent response on its socket: encoder, content coding, flush after every message, a patience with readers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from aiohttp import web

from codec_transport.channel import EmittedLatent
from codec_transport.endpoints.negotiation_records import LatentDelivery
from codec_transport.endpoints.patience import StreamLimits, reading_in_time
from codec_transport.endpoints.stream_metrics import StreamMetrics
from codec_transport.errors import CodecError, LatentInputError
from codec_transport.pipelines.cutting import cut_latent
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.stream import LatentStreamWriter
from codec_transport.spaces.affine import to_model_space
from codec_transport.wire.codings import BodyCoder, body_coder
from codec_transport.wire.messages import Buffer

logger = logging.getLogger(__name__)


class LatentSender:
    """Writes header, frames and end of one stream. Holds no more than one encoded frame beside the socket's buffer."""

    def __init__(
        self, request: web.Request, delivery: LatentDelivery, limits: StreamLimits, metrics: StreamMetrics
    ) -> None:
        """Raises: MessageFieldError for a delivery that no header can describe."""
        self._request = request
        self._delivery = delivery
        self._limits = limits
        self._metrics = metrics
        self._num_body_bytes = 0
        self._started = time.monotonic()
        encoder = LatentStreamEncoder(
            delivery.space.id,
            delivery.shape,
            delivery.space.dtype,
            delivery.pipeline,
            stream_format=delivery.stream_format,
            static_scales=delivery.static_scales,
            fps=delivery.fps,
            total_frames=delivery.total_frames,
            vae_scale_factor=delivery.space.vae_scale_factor,
        )
        self._writer = LatentStreamWriter(encoder, keyframe_interval=delivery.keyframe_interval)
        self._coder: BodyCoder = body_coder(
            delivery.content_coding,
            dictionary=None if delivery.dictionary is None else delivery.dictionary.content,
        )
        self.response = web.StreamResponse(headers=delivery.response_headers())

    async def start(self, headers: Mapping[str, str]) -> None:
        """Response head and stream header."""
        self.response.headers.update(headers)
        if self._delivery.is_coding_fallback:
            self._metrics.coding_fallbacks.inc()
            logger.info("a latent stream goes out uncoded: no coding that its client offers is at hand")
        self._started = time.monotonic()
        await self.response.prepare(self._request)
        await self._write(self._coder.message(self._writer.header()))

    async def run(self, parts: AsyncIterator[EmittedLatent]) -> bool:
        """All parts up to the last, or the error frame, then the end of the body; whether it was whole.

        Raises: ClientGoneError, ConnectionError.
        """
        end = "left"
        try:
            is_whole = await self._run(parts)
            end = "whole" if is_whole else "failed"
        finally:
            delivery, statistics = self._delivery, self._writer.statistics
            coding = delivery.content_coding
            self._metrics.ended(delivery.pipeline, coding, end, statistics, self._num_body_bytes)
        return is_whole

    async def _run(self, parts: AsyncIterator[EmittedLatent]) -> bool:
        is_whole = False
        try:
            async with asyncio.timeout(self._limits.max_stream_s):
                async for latent in parts:
                    await self.part(latent)
                    is_whole = latent.is_last
        except TimeoutError:
            logger.warning("a latent stream took more than %.0f s and ends", self._limits.max_stream_s)
        except CodecError as error:
            logger.warning("latent stream ended early: %s", error)
        if not is_whole:
            await self.fail()
        await self.finish()
        return is_whole

    async def part(self, latent: EmittedLatent) -> None:
        """The frames of one part, each encoded only when the one before has left.

        Raises: CodecError for a latent that does not fit the stream, ClientGoneError, ConnectionError.
        """
        frames = list(cut_latent(latent.samples, batch_is_time=self._delivery.is_clip))
        if latent.is_last and not frames:
            raise LatentInputError("frames in the last part", 0, "at least 1")
        for i, frame in enumerate(frames):
            is_last = latent.is_last and i == len(frames) - 1
            is_first = self._writer.statistics.num_frames == 0
            await self._write(await asyncio.to_thread(self._encoded, frame, is_last))
            if is_first:
                self._metrics.first_frame_seconds.observe(time.monotonic() - self._started)

    async def fail(self) -> None:
        """The error frame."""
        await self._write(self._coder.message(self._writer.fail()))

    async def finish(self) -> None:
        """The end of the body."""
        await self._write(self._coder.finish())
        async with reading_in_time(self._request, self._limits):
            await self.response.write_eof()

    def _encoded(self, frame: Any, is_last: bool) -> list[Buffer]:
        with self._metrics.encode_seconds.time():
            model_space = to_model_space(frame[None], self._delivery.space)[0]
            return self._coder.message(self._writer.frame(model_space, last=is_last))

    async def _write(self, buffers: Iterable[Buffer]) -> None:
        async with reading_in_time(self._request, self._limits):
            for buffer in buffers:
                if len(buffer):
                    await self.response.write(buffer)
                    self._num_body_bytes += len(buffer)
