"""Latents on their way from the engine's thread to the loop: a bounded queue with back-pressure."""

from __future__ import annotations

import asyncio
import threading

from codec_transport.channel import EmittedLatent
from codec_transport.errors import ListenerGoneError
from comfy.interruption import throw_exception_if_processing_interrupted

MAX_WAITING_PARTS = 1
"""Beside the one being sent: the engine works on the next part while the socket drains."""

INTERRUPT_CHECK_S = 0.1
"""How often an emitter that waits for room looks whether its prompt was interrupted."""


class LatentInbox:
    """What one prompt emitted and nobody has taken yet. Made, read and closed on the loop; filled from any thread."""

    def __init__(self, max_waiting: int = MAX_WAITING_PARTS) -> None:
        self._loop = asyncio.get_running_loop()
        self._parts: asyncio.Queue[EmittedLatent] = asyncio.Queue()
        self._room = threading.Semaphore(max_waiting)
        self._is_closed = False
        self._is_over = False

    def deliver(self, latent: EmittedLatent) -> None:
        """Hands over one part, once there is room. What comes behind a last part is left out: a stream ends once.

        Raises: ListenerGoneError after `close` when more parts would follow, and the engine's exception for an
        interrupted prompt.
        """
        if self._is_over:
            return
        self._is_over = latent.is_last
        while not self._room.acquire(timeout=INTERRUPT_CHECK_S):
            throw_exception_if_processing_interrupted()
        if not self._is_closed:
            try:
                self._loop.call_soon_threadsafe(self._parts.put_nowait, latent)
            except RuntimeError as error:  # the loop is closed: the server stops
                raise ListenerGoneError(latent.prompt_id, latent.channel) from error
        elif not latent.is_last:
            self._room.release()
            raise ListenerGoneError(latent.prompt_id, latent.channel)

    async def next(self) -> EmittedLatent:
        """The next part. Cancelling the call loses nothing."""
        latent = await self._parts.get()
        self._room.release()
        return latent

    def next_nowait(self) -> EmittedLatent | None:
        """The next part if it is already here."""
        if self._parts.empty():
            return None
        self._room.release()
        return self._parts.get_nowait()

    def close(self) -> None:
        """Nothing more will be taken; an emitter that waits is woken."""
        self._is_closed = True
        while self.next_nowait() is not None:
            pass
        self._room.release()
