"""Latents over HTTP under asyncio, many requests at a time. Needs aiohttp."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import numpy as np
import numpy.typing as npt

from codec_transport.client.fetch import MAX_REFUSAL_BYTES, joined
from codec_transport.client.receiver import LatentReceiver, refusal
from codec_transport.client.requests import (
    DEFAULT_TIMEOUT_S,
    LatentRequest,
    Understanding,
    generation_request,
    split_server,
)
from codec_transport.errors import RemoteProtocolError

Latents = AsyncGenerator[npt.NDArray[np.float32], None]


async def receive_latents(
    session: aiohttp.ClientSession,
    server: str,
    request: LatentRequest,
    understanding: Understanding,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Latents:
    """Yields the latents of one request as they come: float32 (C, H, W), model space.

    Use `contextlib.aclosing` around it where you may stop early: closing it closes the connection, which cancels
    the generation. timeout_s: between two bytes. Redirects are not followed.
    Raises: RequestRefusedError, RemoteProtocolError, StreamFailedError, OSError for the network.
    """
    split_server(server)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
    try:
        async with session.request(
            request.method,
            server.rstrip("/") + request.path,
            data=request.body,
            headers=dict(request.headers),
            timeout=timeout,
            allow_redirects=False,
            auto_decompress=False,
        ) as response:
            if response.status != 200:
                raise refusal(response.status, await response.content.read(MAX_REFUSAL_BYTES))
            receiver = LatentReceiver(dict(response.headers), understanding)
            async for chunk in response.content.iter_any():
                for latent in receiver.feed(chunk):
                    yield latent
            receiver.end()
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as error:
        raise RemoteProtocolError(f"the HTTP response broke off ({type(error).__name__})") from error


async def stream_latents(
    server: str, prompt: str, *, understanding: Understanding | None = None, **fields: Any
) -> Latents:
    """Yields the latents of a request as they come, over a connection of its own.

    fields: as `generation_request`. Errors and closing: as `receive_latents`.
    """
    understanding = understanding or Understanding()
    request = generation_request(prompt, understanding, **fields)
    async with aiohttp.ClientSession() as session:
        async for latent in receive_latents(session, server, request, understanding):
            yield latent


async def fetch_latent(server: str, prompt: str, **options: Any) -> npt.NDArray[np.float32]:
    """The whole result: (C, H, W) for a picture, (T, C, H, W) for a clip. Options: as `stream_latents`."""
    return joined([latent async for latent in stream_latents(server, prompt, **options)])
