"""Every connection of the server behind a watchman: `GuardedRunner` is an AppRunner whose sites use it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Callable
from typing import Any, TypedDict

from aiohttp import web

from app.errors import error_body
from app.patience import Fault, Limits, Patience

logger = logging.getLogger(__name__)

CHECK_S = 1.0
"""How often all connections are looked at; limits are tens of seconds."""


class ParserLimits(TypedDict):
    """Sizes in bytes of the first line and of each field of a head."""

    max_line_size: int
    max_field_size: int


_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""A peer that vanished is noticed after two minutes; the system's own defaults are hours."""


class GuardedConnection(asyncio.Protocol):
    """Passes everything on to the HTTP protocol and keeps the time."""

    def __init__(self, inner: Any, guard: Guard) -> None:
        self.inner, self._guard = inner, guard
        self.transport: asyncio.Transport | None = None
        self.is_ended = False
        """An answer of ours is its last; what still comes is thrown away until the next look closes it."""
        self.patience = Patience(guard.limits, guard.clock())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "TCP sites have stream transports"
        self.transport = transport
        self._guard.connections[self.inner] = self
        _probe_when_idle(transport.get_extra_info("socket"))
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self.is_ended:
            return
        fault = self.patience.received(data, self._guard.clock())
        if fault is None:
            self.inner.data_received(data)
        else:
            self.end(fault)

    def eof_received(self) -> bool | None:
        return bool(self.inner.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.connections.pop(self.inner, None)
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.patience.unread(self._guard.clock())
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.patience.unread(None)
        self.inner.resume_writing()

    def end(self, fault: Fault) -> None:
        """Closes the connection, with an answer where one can still be read."""
        status, reason, text = fault.value
        if self.transport is None or self.transport.is_closing():
            return
        logger.info("a connection from %s is closed: %s", self.transport.get_extra_info("peername"), text)
        if not status:
            self.transport.abort()
            return
        body = json.dumps(error_body(reason.lower().replace(" ", "_"), text, field="request")).encode()
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json; charset=utf-8\r\n"
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():  # closing over unread bytes would reset, and take the answer along
            self.transport.write_eof()
            self.is_ended = True
        else:
            self.transport.close()


class Guard:
    """All connections of one server, and the task that looks at them."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits, self.clock = limits, clock
        self.connections: dict[Any, GuardedConnection] = {}
        """By the HTTP protocol object, which requests know."""

    def check(self) -> None:
        """Ends what is overdue."""
        now = self.clock()
        for connection in list(self.connections.values()):
            if connection.is_ended and connection.transport is not None:
                connection.transport.abort()
                continue
            fault = connection.patience.overdue(now)
            if fault is not None:
                connection.end(fault)

    async def watch(self) -> None:
        """Checks until it is cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            self.check()


class JsonErrorHandler(web.RequestHandler):
    """The HTTP protocol; what is no HTTP is answered in the shape of every other error, and is no fault of ours."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= 500:
            logger.error("%s could not be answered", request.method, exc_info=exc)
            body = error_body("internal_error", "the server could not finish this request; its log says why")
        else:
            reason = (message or "cannot be read as HTTP").splitlines()[0].rstrip(": ")
            logger.info("a request is not HTTP: %s", reason)
            body = error_body("bad_request", reason[:200], field="request")
        response = web.json_response(body, status=status)
        response.force_close()
        return response


class _GuardedServer:
    """The HTTP server as a protocol factory that puts a watchman in front; all else is the server's."""

    def __init__(self, server: web.Server, guard: Guard, limits: ParserLimits) -> None:
        self._server, self._guard, self._limits = server, guard, limits

    def __call__(self) -> GuardedConnection:
        loop = asyncio.get_running_loop()
        no_log: Any = None  # documented as "no access log", missing in the annotation
        handler = JsonErrorHandler(self._server, loop=loop, access_log=no_log, **self._limits)
        return GuardedConnection(handler, self._guard)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


class GuardedRunner(web.AppRunner):
    """An AppRunner whose connections are watched. parser_limits: sizes of lines and fields of a head."""

    def __init__(
        self, application: web.Application, guard: Guard, parser_limits: ParserLimits, **options: Any
    ) -> None:
        super().__init__(application, **options)
        self._guard, self._parser_limits = guard, parser_limits

    @property
    def server(self) -> Any:
        """What sites make connections with."""
        server = super().server
        return None if server is None else _GuardedServer(server, self._guard, self._parser_limits)


def _probe_when_idle(sock: socket.socket | None) -> None:
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
