"""The sinks of a region on their way: stepping them in their node's context, parking, waking, async steps.

Whose turn it is says `region_state`; what a failure means says `drive`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from comfy_execution.context import executing
from comfy_execution.interrupts import InterruptWatch
from comfy_execution.streaming.baton import BatonSink
from comfy_execution.streaming.contract import Park
from comfy_execution.streaming.errors import ConsumerGone, StreamAborted
from comfy_execution.streaming.member import Member
from comfy_execution.streaming.policy import ThreadModes
from comfy_execution.streaming.region_state import RegionState, SinkMove, SinkState
from comfy_execution.streaming.sinks import Parked, Returned, Sink, StepResult

logger = logging.getLogger(__name__)

_UNFINISHED = frozenset({SinkState.READY, SinkState.BUSY, SinkState.PARKED})


class Failure(NamedTuple):
    """The first exception of a region, and the node it came from."""

    node_id: str
    error: BaseException


class StepEvents(Protocol):
    """What the stepper reports."""

    failure: Failure | None

    def returned(self, member: Member, value: Any, *, is_drain: bool) -> None:
        """A sink is done."""

    def fail_as(self, node_id: str, error: BaseException) -> None:
        """A sink raised."""


_stepped: ContextVar[StepEvents | None] = ContextVar("comfy_execution.streaming.stepped", default=None)
"""The region whose sink runs here, also in the thread of a plain function."""


def refuse_output_after_failure() -> None:
    """For whoever is about to give a file its name: a sink that swallowed its region's failure keeps no short file.

    Raises: StreamAborted.
    """
    region = _stepped.get()
    if region is not None and region.failure is not None:
        raise StreamAborted(str(region.failure.error))


@dataclass(slots=True)
class _Entry:
    """One sink on its way."""

    member: Member
    sink: Sink
    is_drain: bool
    modes: Any
    task: asyncio.Future[Any] | None = None
    park: Park | None = None
    deadline: float | None = None
    answer: bool | None = None
    frames_before: int = 0


class Stepper:
    """Drives sinks; `state` holds where each stands."""

    def __init__(
        self, events: StepEvents, modes: ThreadModes, watch: InterruptWatch, clock: Callable[[], float]
    ) -> None:
        self.state = RegionState(0)
        self.lost: list[tuple[Member, ConsumerGone]] = []
        self._events, self._modes, self._watch, self._clock = events, modes, watch, clock
        self._baseline = modes.capture()
        self._entries: list[_Entry] = []
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def baseline(self) -> Any:
        """Thread modes of the engine."""
        return self._baseline

    def add(self, member: Member, sink: Sink, *, is_drain: bool = False) -> int:
        """One more sink; gives its number."""
        self._entries.append(_Entry(member, sink, is_drain, self._baseline))
        return self.state.add_sink()

    def all_lost(self) -> bool:
        """Every sink of a node lost its consumer."""
        return bool(self.lost) and len(self.lost) == sum(not entry.is_drain for entry in self._entries)

    async def step(self, number: int) -> None:
        """Lets one sink go on until it gives control back; an async one goes on by itself."""
        entry = self._entries[number]
        entry.frames_before = entry.member.frames
        self.state.move(number, SinkMove.STEP_STARTED)
        answer, entry.answer = entry.answer, None
        try:
            found = self._in_context(entry, entry.sink.step, answer)
            if inspect.isawaitable(found):
                self._start(entry, found)
                if isinstance(entry.sink, BatonSink) and entry.task is not None:
                    # Other nodes may run meanwhile, other sinks not: one thread at a time.
                    waited_for: list[asyncio.Future[Any]] = [entry.task, self._watch.future()]
                    await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
                    self._reap()
            else:
                self._took_step(number, found)
        except BaseException as error:
            # Foreign code: whatever it raises ends the region, never the engine.
            self._raised(number, error)

    async def wait(self) -> None:
        """Until a signal, a deadline, the end of an async step, or an interrupt."""
        self._wake.clear()
        if self._reap() or self._unpark():
            return
        deadlines = [entry.deadline for entry in self._entries if entry.deadline is not None]
        timeout = max(0.0, min(deadlines) - self._clock()) if deadlines else None
        waking: asyncio.Future[Any] = asyncio.ensure_future(self._wake.wait())
        waited_for: list[asyncio.Future[Any]] = [waking, self._watch.future()]
        await asyncio.wait(waited_for, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        self._reap()
        self._unpark()

    async def abort(self, reason: str, grace_s: float) -> None:
        """Tells all unfinished sinks that the region ends; one that goes on all the same is left to itself."""
        for number, entry in enumerate(self._entries):
            if self.state.state(number) not in _UNFINISHED:
                continue
            self._forget_park(entry)
            if entry.task is not None:
                entry.task.cancel()
                await asyncio.wait([entry.task], timeout=grace_s)
            try:
                stopped: Any = self._in_context(entry, entry.sink.abort, StreamAborted(reason), grace_s)
                if inspect.isawaitable(stopped):
                    stopped = await asyncio.wait_for(stopped, grace_s)
            except Exception:
                logger.warning("node %s raised when it was told to stop", entry.member.name, exc_info=True)
            else:
                if not stopped:
                    logger.warning(
                        "node %s went on after its stream had ended and is left to itself", entry.member.name
                    )

    # ---- parts ----------------------------------------------------------------------------------------------------

    def _in_context(self, entry: _Entry, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls into a sink as its node, with the thread modes it left behind."""
        token, region = executing.set(entry.member.context), _stepped.set(self._events)
        self._modes.apply(entry.modes)
        try:
            return function(*arguments)
        finally:
            _stepped.reset(region)
            entry.modes = self._modes.capture()
            self._modes.apply(self._baseline)
            executing.reset(token)

    def _start(self, entry: _Entry, found: Awaitable[StepResult]) -> None:
        token, region = executing.set(entry.member.context), _stepped.set(self._events)
        try:
            entry.task = asyncio.ensure_future(found)
        finally:
            _stepped.reset(region)
            executing.reset(token)
        entry.task.add_done_callback(lambda _: self._wake.set())

    def _took_step(self, number: int, found: StepResult) -> None:
        entry = self._entries[number]
        if isinstance(found, Returned):
            if inspect.isawaitable(found.value):
                self._start(entry, _result_of(found.value))
                return
            self.state.move(number, SinkMove.RETURNED)
            self._events.returned(entry.member, found.value, is_drain=entry.is_drain)
        elif isinstance(found, Parked):
            self.state.move(number, SinkMove.PARKED)
            entry.park = found.park
            if found.park.deadline_s is not None:
                entry.deadline = self._clock() + found.park.deadline_s
            found.park.signal.add_listener(self._wake_up)
        else:
            self.state.move(number, SinkMove.STEPPED, pulled=entry.member.frames > entry.frames_before)

    def _raised(self, number: int, error: BaseException) -> None:
        entry = self._entries[number]
        if isinstance(error, ConsumerGone):
            logger.info("node %s ends: %s", entry.member.name, error.reason)
            self.state.move(number, SinkMove.LOST)
            self.lost.append((entry.member, error))
            for branch in entry.member.inputs:
                branch.release()
            return
        self._events.fail_as(entry.member.node_id, error)

    def _reap(self) -> bool:
        """Takes the async steps that came to their end."""
        done = [
            (i, entry)
            for i, entry in enumerate(self._entries)
            if entry.task is not None and entry.task.done()
        ]
        for number, entry in done:
            assert entry.task is not None
            task, entry.task = entry.task, None
            try:
                self._took_step(number, task.result())
            except BaseException as error:
                self._raised(number, error)
        return bool(done)

    def _unpark(self) -> bool:
        """Wakes the sinks whose signal is set or whose time is over."""
        woken = False
        for number, entry in enumerate(self._entries):
            if entry.park is None:
                continue
            is_set = entry.park.signal.is_set()
            if is_set or (entry.deadline is not None and self._clock() >= entry.deadline):
                self._forget_park(entry)
                entry.answer = is_set
                self.state.move(number, SinkMove.WOKEN)
                woken = True
        return woken

    def _forget_park(self, entry: _Entry) -> None:
        if entry.park is not None:
            entry.park.signal.remove_listener(self._wake_up)
            entry.park = entry.deadline = None

    def _wake_up(self) -> None:
        """Called from any thread."""
        self._loop.call_soon_threadsafe(self._wake.set)


async def _result_of(value: Awaitable[Any]) -> Returned:
    return Returned(await value)


def sinks_behind(members: Iterable[Member], numbers: dict[Member, int]) -> dict[Member, frozenset[int]]:
    """For each member the sinks that its frames reach. `members` sources first."""
    behind: dict[Member, frozenset[int]] = {}
    for member in reversed(list(members)):
        own = {numbers[member]} if member in numbers else set()
        readers = [branch.member for tee in member.tees for lane in tee.lanes for branch in lane.live]
        behind[member] = frozenset(own.union(*(behind.get(reader, frozenset()) for reader in readers)))
    return behind
