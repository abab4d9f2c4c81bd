"""One client's bounded queue of outgoing messages: what is kept and what is lost when the client is slow.

Pure: no socket, no clock, no await. Messages are either *droppable* (progress, progress_state, previews: a
later one of the same kind replaces them) or not (everything else). While few messages wait nothing is lost.
Above `max_droppable` waiting droppable ones, a new one replaces the newest of its kind, so the first and
the last of a long run always arrive. A client that leaves `max_bytes` unread, or `max_messages`, is gone:
`OutboxOverflowError` tells the owner to close it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

MAX_DROPPABLE = 128
"""A sampler's steps fit; 200 clients with full queues of progress maps stay within a few MiB (shared text)."""

MAX_MESSAGES = 20_000
"""Non-droppable messages of some thousand prompts: who reads none of them in that time never will."""

MAX_BYTES = 64 * 1024 * 1024
"""One batch of full-size pictures sent by SaveImageWebsocket."""

DROPPABLE_JSON = frozenset({"progress", "progress_state"})
DROPPABLE_BINARY = frozenset({1, 4})


class OutboxOverflowError(Exception):
    """The client left too much unread. Fields: `num_messages`, `num_bytes`."""

    def __init__(self, num_messages: int, num_bytes: int) -> None:
        self.num_messages, self.num_bytes = num_messages, num_bytes
        super().__init__(f"{num_messages} messages with {num_bytes} bytes are unread")


@dataclass(frozen=True, slots=True)
class Message:
    """One frame: text (JSON) or bytes. The payload is shared between the outboxes of all receivers."""

    payload: str | bytes
    kind: str = ""
    """Messages of one kind replace each other when `droppable`."""
    droppable: bool = False
    prompt_id: str | None = None
    """The prompt that a JSON event tells of."""
    frame: bytes | None = field(default=None, init=False, repr=False, compare=False)
    """The websocket frame, once `app.events.direct` has made it."""


class Outbox:
    """First in, first out, with the losses described above."""

    def __init__(
        self,
        max_droppable: int = MAX_DROPPABLE,
        max_messages: int = MAX_MESSAGES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._max_droppable, self._max_messages, self._max_bytes = max_droppable, max_messages, max_bytes
        self._waiting: OrderedDict[int, Message] = OrderedDict()
        self._newest: dict[str, int] = {}
        self._next_index = 0
        self._num_droppable = 0
        self._num_bytes = 0
        self.num_dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def num_bytes(self) -> int:
        """Payload bytes (characters, for text) that wait."""
        return self._num_bytes

    def push(self, message: Message) -> None:
        """Appends a message, maybe in place of an older droppable one. Raises: OutboxOverflowError."""
        if message.droppable and self._num_droppable >= self._max_droppable:
            older = self._newest.get(message.kind)
            if older is not None and older in self._waiting:
                self._remove(older)
                self.num_dropped += 1
        full = len(self._waiting) >= self._max_messages
        if full or self._num_bytes + len(message.payload) > self._max_bytes:
            if message.droppable:
                self.num_dropped += 1
                return
            if self._waiting:
                raise OutboxOverflowError(len(self._waiting), self._num_bytes)
        self._waiting[self._next_index] = message
        if message.droppable:
            self._newest[message.kind] = self._next_index
            self._num_droppable += 1
        self._next_index += 1
        self._num_bytes += len(message.payload)

    def pop(self) -> Message | None:
        """The oldest waiting message, or None."""
        if not self._waiting:
            return None
        return self._remove(next(iter(self._waiting)))

    def _remove(self, index: int) -> Message:
        message = self._waiting.pop(index)
        self._num_bytes -= len(message.payload)
        self._num_droppable -= message.droppable
        return message
