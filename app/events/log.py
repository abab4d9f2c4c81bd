"""The last JSON events, numbered: what a client that comes back, or an event stream, is given again.

One log and one numbering for the whole server; a client sees those of its session and those for everybody, so its
numbers rise but may skip. Bounded twice: progress (which later progress replaces) has its own small share and never
pushes out anything else. Belongs to the server's loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from app.events.outbox import Message

MAX_EVENTS = 10_000
"""Of some hundred prompts: a client that was away for minutes finds all of its own."""
MAX_PROGRESS = 1_000
MAX_BYTES = 16 * 1024 * 1024
"""All texts together; a single event larger than this is not kept."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One JSON event. sid: the session it was for, None for everybody."""

    seq: int
    sid: str | None
    message: Message

    @property
    def prompt_id(self) -> str | None:
        """The prompt that the event tells of."""
        return self.message.prompt_id

    def numbered(self) -> Message:
        """The frame with `seq` beside `type` and `data`."""
        text = self.message.payload
        assert isinstance(text, str), "binary frames are not logged"
        return Message(f'{text[:-1]}, "seq": {self.seq}}}', self.message.kind, self.message.droppable)

    def is_for(self, sid: str) -> bool:
        """Whether that session gets it."""
        return self.sid is None or self.sid == sid


class EventLog:
    """See the module. Numbers begin at the time of the start, so that those of an earlier process are all smaller."""

    def __init__(
        self,
        first: int | None = None,
        *,
        max_events: int = MAX_EVENTS,
        max_progress: int = MAX_PROGRESS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._first = int(time.time() * 1000) if first is None else first
        self._max_bytes = max_bytes
        self._limits = {True: max_progress, False: max_events}
        self._kept: dict[bool, deque[LoggedEvent]] = {True: deque(), False: deque()}
        self._num_bytes = 0
        self._waiters: list[asyncio.Future[None]] = []
        self.newest = self._first - 1
        """The number given last."""
        self.lost_through = self._first - 1
        """Events up to this number, other than progress, may be gone."""

    def __len__(self) -> int:
        return sum(len(kept) for kept in self._kept.values())

    @property
    def num_bytes(self) -> int:
        """Characters of all kept texts."""
        return self._num_bytes

    def add(self, message: Message, sid: str | None) -> LoggedEvent:
        """Numbers and keeps a JSON event."""
        self.newest += 1
        event = LoggedEvent(self.newest, sid, message)
        self._kept[message.droppable].append(event)
        self._num_bytes += len(message.payload)
        self._forget()
        self.wake()
        return event

    def wake(self) -> None:
        """Lets everybody who waits look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def changed(self, timeout_s: float) -> bool:
        """Waits for the next event or `wake`; False when the time is over first."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        done, _ = await asyncio.wait((waiter,), timeout=timeout_s)
        if not done and waiter in self._waiters:
            self._waiters.remove(waiter)
        return bool(done)

    def after(self, seq: int) -> Iterator[LoggedEvent]:
        """The kept events with greater numbers, in order. Do not add while iterating."""
        parts = [_newer(kept, seq) for kept in self._kept.values()]
        return iter(sorted((event for part in parts for event in part), key=lambda event: event.seq))

    def is_complete_after(self, seq: int) -> bool:
        """Whether nothing but progress is missing between that number and now."""
        return self.lost_through <= seq <= self.newest

    def _forget(self) -> None:
        for is_progress, kept in self._kept.items():
            while len(kept) > self._limits[is_progress]:
                self._drop(is_progress)
        while self._num_bytes > self._max_bytes:
            self._drop(bool(self._kept[True]))

    def _drop(self, is_progress: bool) -> None:
        event = self._kept[is_progress].popleft()
        self._num_bytes -= len(event.message.payload)
        if not is_progress:
            self.lost_through = event.seq


def _newer(kept: deque[LoggedEvent], seq: int) -> list[LoggedEvent]:
    """The tail with greater numbers; looks at no more than that."""
    found: list[LoggedEvent] = []
    for event in reversed(kept):
        if event.seq <= seq:
            break
        found.append(event)
    return found
