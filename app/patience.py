"""How long a connection may take over what: heads, bodies, reading of answers. Pure: time comes in as an argument.

A connection is idle, sends a head, or is served. Heads have a deadline and a size; bodies a least rate; answers
that nobody reads a patience of their own. Sockets of events are exempt from the last two: clients may hold them for
hours without reading, and their outboxes are bounded. Peers that vanished are found by TCP keep-alive probes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """head_s: from the connection, or the first byte of a later request, to the end of its head; browsers open
    connections ahead of need and simply open another. body_grace_s, body_rate: a body of n bytes may take
    body_grace_s + n / body_rate seconds; a bad phone line is faster. unread_s: an answer of which nothing more is
    taken. max_head_bytes: cookies of every local server included.
    """

    head_s: float = 30.0
    body_grace_s: float = 30.0
    body_rate: float = 1024.0
    unread_s: float = 120.0
    max_head_bytes: int = 64 * 1024


class Stage(enum.Enum):
    """What a connection is at."""

    IDLE = "idle"
    HEAD = "head"
    SERVED = "served"
    DRAINED = "drained"
    """Answered before its body was read; the HTTP protocol reads or drops the rest for a short while."""


class Fault(enum.Enum):
    """Why a connection is ended: status and reason phrase of the answer."""

    SLOW_HEAD = (408, "Request Timeout", "the head of the request did not arrive in time")
    SLOW_BODY = (408, "Request Timeout", "the body arrives too slowly")
    LARGE_HEAD = (431, "Request Header Fields Too Large", "the head of the request is too large")
    UNREAD = (0, "", "the answer is not read")
    SILENT = (0, "", "the connection was opened and nothing came")


_END_OF_HEAD = b"\r\n\r\n"


class Patience:
    """One connection, watched."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self.stage = Stage.HEAD
        self._since = now
        self._head_bytes = 0
        self._tail = b""
        self._has_whole_head = False
        self._body_bytes = 0
        self._reads_body = False
        self._is_socket = False
        self._unread_since: float | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a part of a head is here."""
        return self.stage is Stage.HEAD and self._head_bytes > 0

    def received(self, data: bytes, now: float) -> Fault | None:
        """Bytes came."""
        if self.stage in (Stage.SERVED, Stage.DRAINED):
            self._body_bytes += len(data)
            return None
        if self.stage is Stage.IDLE:
            self._start_head(now)
        if self._has_whole_head:
            self._body_bytes += len(data)
            return None
        self._head_bytes += len(data)
        joined = self._tail + data
        end = joined.find(_END_OF_HEAD)
        if end >= 0:
            self._has_whole_head = True
            self._body_bytes = len(joined) - end - len(_END_OF_HEAD)
            self._head_bytes -= self._body_bytes
        self._tail = joined[-3:]
        return Fault.LARGE_HEAD if self._head_bytes > self._limits.max_head_bytes else None

    def served(self, now: float, *, has_body: bool, is_socket: bool) -> None:
        """A handler has the request."""
        self.stage, self._since = Stage.SERVED, now
        self._reads_body, self._is_socket = has_body, is_socket

    def body_complete(self) -> None:
        """Nothing more of the body is missing."""
        self._reads_body = False
        if self.stage is Stage.DRAINED:
            self.stage = Stage.IDLE

    def answered(self) -> None:
        """The handler is through."""
        self.stage = Stage.DRAINED if self._reads_body else Stage.IDLE
        self._reads_body = self._is_socket = False

    def unread(self, now: float | None) -> None:
        """The answer piles up since `now`, or flows again (None)."""
        self._unread_since = now

    def overdue(self, now: float) -> Fault | None:
        """What the connection has taken too long over, if anything."""
        limits = self._limits
        if (
            self._unread_since is not None
            and not self._is_socket
            and now - self._unread_since > limits.unread_s
        ):
            return Fault.UNREAD
        if self.stage is Stage.HEAD and not self._has_whole_head and now - self._since > limits.head_s:
            return Fault.SLOW_HEAD if self._head_bytes else Fault.SILENT
        if self.stage is Stage.SERVED and self._reads_body:
            allowed = limits.body_grace_s + self._body_bytes / limits.body_rate
            return Fault.SLOW_BODY if now - self._since > allowed else None
        return None

    def _start_head(self, now: float) -> None:
        self.stage, self._since = Stage.HEAD, now
        self._head_bytes, self._tail, self._has_whole_head, self._body_bytes = 0, b"", False, 0
