"""What the codec handlers can reach: one record in the aiohttp application."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from codec_transport.channel import LatentChannels, channels
from codec_transport.endpoints.catalogue import ModelCatalogue
from codec_transport.endpoints.negotiation_records import RequestLimits
from codec_transport.endpoints.patience import ClientGoneError, StreamLimits, StreamSlots
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.runner import PromptRunner
from codec_transport.endpoints.stream_metrics import StreamMetrics
from codec_transport.errors import LocalProtocolError
from codec_transport.spaces.registry import SpaceRegistry, checked_base_url

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_WAITING = 1000
"""Prompts in the queue above which a generation request is answered 503: about an hour of small pictures."""


@dataclass(slots=True)
class CodecContext:
    """The parts behind the codec endpoints.

    file_path: (folder type, subfolder, file name) -> the file of a ui entry. public_url: what clients reach the server
    by, when it is configured; else the request says.
    """

    runner: PromptRunner
    models: ModelCatalogue
    spaces: SpaceRegistry
    file_path: Callable[[str, str, str], Path]
    public_url: str | None = None
    limits: RequestLimits = field(default_factory=RequestLimits)
    channels: LatentChannels = field(default_factory=lambda: channels)
    max_waiting: int = MAX_WAITING
    streams: StreamLimits = field(default_factory=StreamLimits)
    metrics: StreamMetrics = field(default_factory=StreamMetrics)
    slots: StreamSlots = field(init=False)

    def __post_init__(self) -> None:
        self.slots = StreamSlots(self.streams.max_per_client)


CLIENT_GONE = 499
"""Nobody gets it; what proxies write into their logs for a client that left."""

CODEC: web.AppKey[CodecContext] = web.AppKey("codec", CodecContext)


def codec_of(request: web.Request) -> CodecContext:
    """The codec context of the application."""
    found: CodecContext = request.config_dict[CODEC]
    return found


def base_url_of(request: web.Request) -> str:
    """The absolute base of every address in an answer. Raises: RejectionError for a Host that is no host."""
    try:
        return checked_base_url(codec_of(request).public_url or f"{request.scheme}://{request.host}")
    except LocalProtocolError as error:
        raise RejectionError(400, "invalid_value", "the Host header names no host", param="Host") from error


def answering(handler: Handler) -> Handler:
    """A handler whose rejections become answers."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except RejectionError as error:
            headers = {"Cache-Control": "no-store", **error.headers}
            return web.json_response(error.body(), status=error.status, headers=headers)
        except ClientGoneError as error:
            logger.info("%s %s: %s", request.method, request.path, error)
            return web.Response(status=CLIENT_GONE)

    return answer
