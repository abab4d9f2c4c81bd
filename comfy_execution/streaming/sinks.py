"""How sinks are stepped: generators, async generators, and the engine's own (collecting a batch, draining a saver).

A step ends in a `Stepped`, a `Parked` or a `Returned`. Plain functions that pull are in `baton`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from comfy_execution.streaming.contract import FrameOps, Park
from comfy_execution.streaming.errors import StreamAborted
from comfy_execution.streaming.tee import Branch

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stepped:
    """It gave control back and can go on."""


@dataclass(frozen=True, slots=True)
class Parked:
    """It cannot go on before something happens."""

    park: Park


@dataclass(frozen=True, slots=True)
class Returned:
    """It is done; `value` is the node's result in the V1 form (maybe awaitable)."""

    value: Any


StepResult = Stepped | Parked | Returned
_STEPPED = Stepped()


class Sink(Protocol):
    """What the driver steps."""

    def step(self, answer: bool | None) -> StepResult | Awaitable[StepResult]:
        """Goes on until it gives control back. `answer`: whether what it parked for came in time."""

    def abort(self, error: StreamAborted, grace_s: float) -> bool | Awaitable[bool]:
        """Tells it that the region ends. False when it would not stop."""


class GeneratorSink:
    """A generator; made at the first step."""

    def __init__(self, make: Callable[[], Generator[Any, Any, Any]]) -> None:
        self._make = make
        self._running: Generator[Any, Any, Any] | None = None

    def step(self, answer: bool | None) -> StepResult:
        """To the next yield."""
        if self._running is None:
            self._running, answer = self._make(), None
        try:
            item = self._running.send(answer)
        except StopIteration as stop:
            return Returned(stop.value)
        return Parked(item) if isinstance(item, Park) else _STEPPED

    def abort(self, error: StreamAborted, grace_s: float) -> bool:
        """Throws the error in; one that goes on is closed, and left alone when it resists that too."""
        if self._running is None:
            return True
        try:
            self._running.throw(error)
        except StopIteration:
            return True
        except StreamAborted:
            return True
        except Exception:
            logger.debug("a sink raised while it was told to stop", exc_info=True)
            return True
        try:
            self._running.close()
        except RuntimeError:
            return False
        return True


class AsyncGeneratorSink:
    """An async generator: what it yields besides numbers and parks is its result."""

    def __init__(self, make: Callable[[], AsyncGenerator[Any, Any]]) -> None:
        self._make = make
        self._running: AsyncGenerator[Any, Any] | None = None
        self._result: Any = None

    async def step(self, answer: bool | None) -> StepResult:
        """To the next yield."""
        if self._running is None:
            self._running, answer = self._make(), None
        try:
            item = await self._running.asend(answer)
        except StopAsyncIteration:
            return Returned(self._result)
        if isinstance(item, Park):
            return Parked(item)
        if item is not None and not isinstance(item, int):
            self._result = item
        return _STEPPED

    async def abort(self, error: StreamAborted, grace_s: float) -> bool:
        """As for a generator."""
        if self._running is None:
            return True
        try:
            await self._running.athrow(error)
        except (StopAsyncIteration, StreamAborted):
            return True
        except Exception:
            logger.debug("a sink raised while it was told to stop", exc_info=True)
            return True
        try:
            await self._running.aclose()
        except RuntimeError:
            return False
        return True


def drained(branch: Branch) -> Generator[int, Any, tuple[()]]:
    """Pulls a reader to its end and forgets the frames: how a saver that nobody reads is driven."""
    while True:
        wanted = branch.chunk_frames
        frames = branch.lane.ops.length(branch.pull(wanted))
        yield frames
        if frames < wanted:
            return ()


def collected(
    branches: Mapping[str, Branch], finish: Callable[[dict[str, Any]], Any]
) -> Generator[int, Any, Any]:
    """Pulls readers to their ends, side by side, and calls `finish` with a batch for each."""
    parts: dict[str, list[Any]] = {name: [] for name in branches}
    open_names = list(branches)
    while open_names:
        for name in tuple(open_names):
            branch = branches[name]
            wanted = branch.chunk_frames
            chunk = branch.pull(wanted)
            frames = branch.lane.ops.length(chunk)
            if frames or not parts[name]:
                parts[name].append(chunk)
            if frames < wanted:
                open_names.remove(name)
            yield frames
    batches = {name: _batch(branches[name].lane.ops, chunks) for name, chunks in parts.items()}
    parts.clear()
    return finish(batches)


def _batch(ops: FrameOps, chunks: list[Any]) -> Any:
    """One batch of all chunks; frames exist twice only while they are joined."""
    full = [chunk for chunk in chunks if ops.length(chunk)] or chunks[:1]
    chunks.clear()
    return ops.join(full)
