"""Wakes the engine's loop when the user asks to stop while only async nodes run.

Blocking nodes poll the flag by themselves (`comfy.interruption`); a loop that waits has nobody who polls.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from comfy.interruption import add_interrupt_listener, remove_interrupt_listener


class InterruptWatch:
    """While entered, `future()` is done as soon as a stop is asked for. Used on the engine's loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[None] | None = None

    def __enter__(self) -> InterruptWatch:
        self._loop = asyncio.get_running_loop()
        add_interrupt_listener(self._asked)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        remove_interrupt_listener(self._asked)
        if self._future is not None:
            self._future.cancel()

    def future(self) -> asyncio.Future[None]:
        """A future of the running loop; a new one after the last was used up."""
        if self._future is None or self._future.done():
            self._future = asyncio.get_running_loop().create_future()
        return self._future

    def _asked(self) -> None:
        """Called from any thread; the loop may be closing at that moment, then nobody waits any more."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
