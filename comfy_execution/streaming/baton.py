"""Plain functions as sinks: each runs in a thread of its own, and exactly one thread runs at a time.

The function pulls as if it were alone; every pull hands the baton to the engine, which does the pulling itself (so
producers only ever run in the engine's thread) and hands the frames over at the next step. A pull of many frames is
done one chunk per step.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any

from comfy_execution.streaming.errors import StreamAborted
from comfy_execution.streaming.sinks import Returned, Stepped, StepResult
from comfy_execution.streaming.tee import Branch

logger = logging.getLogger(__name__)

_MAX_REFUSALS = 100
"""So many pulls may fail after the region ended before the function counts as one that will not stop."""


class _Request:
    """A pull that waits for the engine."""

    def __init__(self, branch: Branch, max_frames: int) -> None:
        self.branch, self.missing = branch, max_frames
        self.parts: list[Any] = []


class BatonSink:
    """A plain (or async) function that pulls."""

    def __init__(self, work: Callable[[], Any], name: str, *, is_async: bool = False) -> None:
        self._work, self._name, self._is_async = work, name, is_async
        self._thread: threading.Thread | None = None
        self._to_thread = threading.Semaphore(0)
        self._to_engine = threading.Semaphore(0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._request: _Request | None = None
        self._reply: Any = None
        self._error: BaseException | None = None
        self._outcome: tuple[Any, BaseException | None] | None = None
        self._is_abandoned = False

    @property
    def thread_id(self) -> int | None:
        """The thread that may pull for this sink."""
        return None if self._thread is None else self._thread.ident

    # ---- the engine's side ----------------------------------------------------------------------------------------

    def step(self, answer: bool | None) -> StepResult | Awaitable[StepResult]:
        """Serves one chunk of the pull that waits, then lets the function run to its next pull."""
        if self._request is not None and not self._serve(self._request):
            return Stepped()
        self._resume()
        if self._is_async:
            return self._after_turn()
        self._to_engine.acquire()
        return self._turned()

    def abort(self, error: StreamAborted, grace_s: float) -> bool:
        """Every pull fails from now on; False when the function goes on all the same."""
        if self._thread is None or self._outcome is not None:
            return True
        for _ in range(_MAX_REFUSALS):
            self._request, self._error = None, error
            self._to_thread.release()
            if not self._to_engine.acquire(timeout=grace_s):
                break
            if self._outcome is not None:
                return True
        self._is_abandoned = True
        self._thread.name = f"left to itself: {self._name}"
        return False

    def _serve(self, request: _Request) -> bool:
        """Pulls one chunk; True when the request is answered, with frames or with an error."""
        try:
            branch = request.branch
            wanted = min(request.missing, branch.chunk_frames)
            chunk = branch.read(wanted)
        except BaseException as error:
            # Whatever a producer raised: it is recorded already, and belongs to whoever pulled.
            self._error, self._request = error, None
            return True
        frames = branch.lane.ops.length(chunk)
        request.missing -= frames
        if frames or not request.parts:
            request.parts.append(chunk)
        if request.missing and frames == wanted:
            return False
        self._reply, self._request = branch.lane.ops.join(request.parts), None
        return True

    def _resume(self) -> None:
        if self._thread is None:
            if self._is_async:
                self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
            run = copy_context().run
            self._thread = threading.Thread(target=run, args=(self._main,), name=self._name, daemon=True)
            self._thread.start()
        else:
            self._to_thread.release()

    def _turned(self) -> StepResult:
        if self._outcome is None:
            return Stepped()
        value, error = self._outcome
        if error is not None:
            raise error
        return Returned(value)

    async def _after_turn(self) -> StepResult:
        assert self._woken is not None
        await self._woken.wait()
        self._woken.clear()
        self._to_engine.acquire()
        return self._turned()

    # ---- the function's side --------------------------------------------------------------------------------------

    def request(self, branch: Branch, max_frames: int) -> Any:
        """A pull, in the function's thread: hands the baton over and waits for the frames."""
        self._request = _Request(branch, max_frames)
        self._hand_over()
        self._to_thread.acquire()
        error, self._error = self._error, None
        reply, self._reply = self._reply, None
        if error is not None:
            raise error
        return reply

    def _main(self) -> None:
        try:
            found = self._work()
            if inspect.isawaitable(found):
                found = asyncio.run(_awaited(found))
        except BaseException as error:
            # Foreign code in its own thread: the step raises it in the engine's.
            self._outcome = (None, error)
        else:
            self._outcome = (found, None)
        self._hand_over()

    def _hand_over(self) -> None:
        if self._is_abandoned:
            threading.Event().wait()  # a daemon thread that nobody waits for any more must not spin
        self._to_engine.release()
        if self._loop is not None and self._woken is not None:
            self._loop.call_soon_threadsafe(self._woken.set)


async def _awaited(found: Awaitable[Any]) -> Any:
    return await found
