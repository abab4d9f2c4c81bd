"""Who is connected, and the delivery of messages to their outboxes.

All methods run on the server's loop, except `wants`, which any thread may call. One socket per session id: a
second connection with the same id takes over, the first one stays open and gets nothing more, and its end
does not touch the newcomer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from app.events.direct import DirectWriter, frame_of
from app.events.log import EventLog, LoggedEvent
from app.events.outbox import Message, Outbox, OutboxOverflowError

logger = logging.getLogger(__name__)

RESUME_WINDOW_S = 300.0
"""How long events are logged for a numbered client that left: a laptop that slept, a network that changed."""
MAX_AWAY = 1_000
MAX_WRITES_PER_S = 4_000
"""For progress that goes to all: one client waits a quarter of a millisecond at most, 200 clients 50 ms."""
CLOSE_TIMEOUT_S = 1.0
"""For the close frames of all clients together when the server stops; who is alive answers in milliseconds."""


class Client:
    """One websocket: its outbox and the task that writes it out."""

    def __init__(
        self,
        sid: str,
        socket: web.WebSocketResponse,
        abort: Callable[[], None],
        transport: asyncio.WriteTransport | None = None,
    ) -> None:
        self.sid, self.socket = sid, socket
        self._direct = DirectWriter(transport)
        self.outbox = Outbox()
        self.is_numbered = False
        """Whether its JSON messages carry `seq`."""
        self.has_spoken = False
        """Whether the client's first text message was read; feature flags count only in that one."""
        self.abort = abort
        """Cuts the connection without a word."""
        self._held_until = 0.0
        self._wake = asyncio.Event()
        self._pump = asyncio.create_task(self._write_out(), name=f"websocket {sid}")

    def push(self, message: Message) -> None:
        """Sends a message to a client that keeps up, or queues it; one that left too much unread is cut off."""
        if not self._write_now(frame_of(message)):
            self._queue(message)

    def push_all(self, messages: list[Message], frames: bytes) -> None:
        """As `push` for several; `frames` are theirs, joined once for all clients."""
        if not self._write_now(frames):
            for message in messages:
                self._queue(message)

    def _write_now(self, frames: bytes) -> bool:
        if self.outbox or self.socket.closed or self._is_held():
            return False
        return self._direct.write(frames)

    def _queue(self, message: Message) -> None:
        try:
            self.outbox.push(message)
        except OutboxOverflowError as error:
            logger.warning("websocket %s is closed: %s", self.sid, error)
            self.abort()
        self._wake.set()

    def hold(self, seconds: float) -> None:
        """Lets messages wait in the outbox for that long; their order stays."""
        self._held_until = asyncio.get_running_loop().time() + seconds

    def _is_held(self) -> bool:
        return self._held_until > 0 and self._held_until > asyncio.get_running_loop().time()

    async def stop(self) -> None:
        """Ends the writing task."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)

    async def say_goodbye(self) -> None:
        """Ends the writing task and closes the socket in the agreed way."""
        await self.stop()
        await self.socket.close(code=1001, message=b"server stops")

    async def _write_out(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self.outbox:
                self._wake.clear()
                await self._wake.wait()
                continue
            if (remaining := self._held_until - loop.time()) > 0:
                await asyncio.sleep(remaining)
            message = self.outbox.pop()
            assert message is not None, "only this task takes messages out"
            try:
                if isinstance(message.payload, str):
                    await self.socket.send_str(message.payload)
                else:
                    await self.socket.send_bytes(message.payload)
            except (ConnectionError, RuntimeError):  # closing or closed: the reading side ends the client
                return


class EventHub:
    """The table of connected clients. `sockets` and `sockets_metadata` are what packs look at."""

    def __init__(
        self, features: Callable[[], Mapping[str, Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.sockets_metadata: dict[str, dict[str, Any]] = {}
        self._clients: dict[str, Client] = {}
        self._features = features
        self._clock = clock
        self.log = EventLog()
        self._num_dropped = 0
        self._gathered: list[tuple[Message, LoggedEvent | None]] = []
        self._flushing: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self._readers: Counter[str] = Counter()
        self._away: OrderedDict[str, float] = OrderedDict()

    def connect(self, client: Client, greeting: list[Message], after: int | None = None) -> None:
        """Enters a client; `greeting` goes out before anything else it will get.

        `after`: the number of the last event that it has seen; it gets the later ones first, and numbers from then on.
        """
        self._flush()
        for message in greeting:
            client.push(message)
        if after is not None:
            client.is_numbered = True
            self._replay(client, after)
        self._away.pop(client.sid, None)
        self._clients[client.sid] = client
        self.sockets[client.sid] = client.socket
        self.sockets_metadata[client.sid] = {"feature_flags": {}}

    async def disconnect(self, client: Client) -> None:
        """Removes a client, unless its id was taken over meanwhile."""
        if self._clients.get(client.sid) is client:
            del self._clients[client.sid]
            self.sockets.pop(client.sid, None)
            self.sockets_metadata.pop(client.sid, None)
            if client.is_numbered:
                self._remember(client.sid)
        self._num_dropped += client.outbox.num_dropped
        await client.stop()

    @property
    def num_dropped(self) -> int:
        """Messages of progress that slow clients never got."""
        return self._num_dropped + sum(client.outbox.num_dropped for client in self._clients.values())

    def start_reading(self, sid: str) -> None:
        """Events of a session are logged, whether or not a socket takes them, until `stop_reading`."""
        self._readers[sid] += 1

    def stop_reading(self, sid: str) -> None:
        """Ends one `start_reading`."""
        self._readers[sid] -= 1
        if self._readers[sid] <= 0:
            del self._readers[sid]

    def hold(self, sid: object, seconds: float) -> None:
        """Lets the messages of one client wait a little, if it is connected."""
        if isinstance(sid, str) and sid in self._clients:
            self._clients[sid].hold(seconds)

    def wants(self, sid: str | None) -> bool:
        """Whether a message for `sid` (None: everybody) has a reader, now or later. Safe from any thread."""
        if sid is None:
            return bool(self._clients or self._readers or self._away)
        return sid in self._clients or sid in self._readers or self._away.get(sid, 0.0) > self._clock()

    def deliver(self, message: Message, sid: str | None) -> None:
        """Logs a message and queues it for one client or, with None, for all. An unknown id drops it."""
        if not self.wants(sid):
            return
        event = self.log.add(message, sid) if isinstance(message.payload, str) else None
        if sid is None and message.droppable and len(self._clients) > 1:
            self._gather(message, event)
            return
        self._flush()
        numbered: Message | None = None
        one = None if sid is None else self._clients.get(sid)
        receivers = list(self._clients.values()) if sid is None else [one] if one is not None else []
        for client in receivers:
            if event is not None and client.is_numbered:
                numbered = numbered or event.numbered()
                client.push(numbered)
            else:
                client.push(message)

    def _gather(self, message: Message, event: LoggedEvent | None) -> None:
        """Progress for everybody travels together, the longer the more clients there are."""
        self._gathered.append((message, event))
        if self._flushing is not None:
            return
        loop = asyncio.get_running_loop()
        delay = self._flushed_at + len(self._clients) / MAX_WRITES_PER_S - loop.time()
        if delay > 0:
            self._flushing = loop.call_later(delay, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        """Sends what was gathered."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        self._flushed_at = asyncio.get_running_loop().time()
        plain = [message for message, _ in gathered]
        frames = b"".join(map(frame_of, plain))
        numbered = [event.numbered() if event is not None else message for message, event in gathered]
        for client in list(self._clients.values()):
            if client.is_numbered:
                for message in numbered:
                    client.push(message)
            else:
                client.push_all(plain, frames)

    def _replay(self, client: Client, after: int) -> None:
        """What a client missed; before it, when the log does not reach back so far, a word about that."""
        if after > 0 and not self.log.is_complete_after(after):
            lost = {"after": after, "lost_through": self.log.lost_through}
            client.push(Message(json.dumps({"type": "events_lost", "data": lost}), "events_lost"))
        start = after if after <= self.log.newest else 0
        for event in self.log.after(start):
            if event.is_for(client.sid):
                client.push(event.numbered())

    def _remember(self, sid: str) -> None:
        """Goes on logging for a session that may come back."""
        now = self._clock()
        self._away[sid] = now + RESUME_WINDOW_S
        self._away.move_to_end(sid)
        while self._away and (len(self._away) > MAX_AWAY or next(iter(self._away.values())) <= now):
            self._away.popitem(last=False)

    def receive(self, client: Client, text: str) -> None:
        """Reads one text message of a client: the handshake, if it is the first."""
        is_first, client.has_spoken = not client.has_spoken, True
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            logger.warning("websocket %s sent text that is not JSON", client.sid)
            return
        if not is_first or not isinstance(message, dict) or message.get("type") != "feature_flags":
            return
        flags = message.get("data")
        flags = flags if isinstance(flags, dict) else {}
        if self._clients.get(client.sid) is client:
            self.sockets_metadata[client.sid]["feature_flags"] = flags
        answer: dict[str, Any] = {"type": "feature_flags", "data": dict(self._features())}
        if flags.get("supports_sequence_numbers") is True:
            client.is_numbered = True
            answer["seq"] = self.log.newest
        client.push(Message(json.dumps(answer), "feature_flags"))

    async def close(self) -> None:
        """Closes every socket, so that the server can stop; those that do not answer are cut off."""
        clients = list(self._clients.values())
        if not clients:
            return
        self._flush()
        farewells = [asyncio.create_task(client.say_goodbye()) for client in clients]
        _, late = await asyncio.wait(farewells, timeout=CLOSE_TIMEOUT_S)
        for farewell in late:
            farewell.cancel()
        for client in clients:
            client.abort()
        await asyncio.gather(*farewells, return_exceptions=True)
