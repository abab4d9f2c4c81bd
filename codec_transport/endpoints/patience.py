"""What one client gets of the server: streams at a time, time for each message, and what its leaving is called."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from aiohttp import web

from codec_transport.endpoints.rejection import RejectionError

RETRY_AFTER_S = 5


class ClientGoneError(ConnectionError):
    """The client left before its answer was complete."""


class SlowReaderError(ClientGoneError):
    """The client did not take a message in time; its connection was closed."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How much patience and how many streams a client gets.

    slow_reader_s: for one message to leave; a latent frame is at most some MiB, a modem takes less. max_stream_s:
    from the header to the end; a long clip on a CPU. max_per_client: streams of one address at a time.
    """

    slow_reader_s: float = 30.0
    max_stream_s: float = 4 * 3600.0
    max_per_client: int = 128


@contextlib.asynccontextmanager
async def reading_in_time(request: web.Request, limits: StreamLimits) -> AsyncIterator[None]:
    """Ends the connection when what happens inside takes longer than a reader may. Raises: SlowReaderError."""
    try:
        async with asyncio.timeout(limits.slow_reader_s):
            yield
    except TimeoutError as error:
        if request.transport is not None:
            request.transport.abort()
        raise SlowReaderError("the client reads too slowly") from error


class StreamSlots:
    """Counts running streams by client address. For one loop."""

    def __init__(self, max_per_client: int) -> None:
        self._max = max_per_client
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, client: str | None) -> Iterator[None]:
        """Holds a slot. Raises: RejectionError 503 when the client has none left."""
        name = client or ""
        if self._taken[name] >= self._max:
            message = f"{self._max} latent streams of this client are running"
            raise RejectionError(503, "busy", message, headers={"Retry-After": str(RETRY_AFTER_S)})
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]
