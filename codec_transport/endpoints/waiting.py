"""Waiting for a prompt's end on behalf of a client that may leave first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from aiohttp import web

from codec_transport.endpoints.context import CodecContext
from codec_transport.endpoints.patience import ClientGoneError

T = TypeVar("T")

CLIENT_CHECK_S = 0.25
"""How often a waiting answer looks whether its client is still there."""


@contextlib.contextmanager
def watched(awaitable: Coroutine[Any, Any, T]) -> Iterator[asyncio.Task[T]]:
    """Runs a call beside others; it is cancelled at the end of the block."""
    task = asyncio.ensure_future(awaitable)
    try:
        yield task
    finally:
        task.cancel()


@contextlib.contextmanager
def cancelling(context: CodecContext, prompt_id: str) -> Iterator[None]:
    """Takes a prompt out of the queue, or interrupts it, when its client leaves or its handler is cancelled."""
    try:
        yield
    except (ConnectionError, asyncio.CancelledError):
        context.runner.cancel(prompt_id)
        raise


async def wait_for_end(
    request: web.Request, context: CodecContext, prompt_id: str, earlier: asyncio.Future[Any] | None = None
) -> Mapping[str, Any] | None:
    """The prompt's history entry; None when `earlier` came first or the prompt was taken out of the queue.

    Raises: ClientGoneError.
    """
    ended: asyncio.Task[Mapping[str, Any] | None] = asyncio.ensure_future(context.runner.outcome(prompt_id))
    watched: set[asyncio.Future[Any]] = {ended} if earlier is None else {ended, earlier}
    try:
        while True:
            await asyncio.wait(watched, timeout=CLIENT_CHECK_S, return_when=asyncio.FIRST_COMPLETED)
            if earlier is not None and earlier.done():
                return None
            if ended.done():
                return ended.result()
            if request.transport is None or request.transport.is_closing():
                raise ClientGoneError("the client left")
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
