"""Slow and vanished peers, first as plain values, then over real sockets with a clock that jumps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served_app import Served

from app.middleware.connections import GUARD
from app.patience import Fault, Limits, Patience, Stage

HEAD = b"GET /queue HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMITS = Limits(head_s=30, body_grace_s=30, body_rate=1000, unread_s=120, max_head_bytes=1000)


@given(st.lists(st.integers(1, 30), max_size=40))
@settings(max_examples=100, deadline=None)
def test_a_head_is_recognised_however_it_is_cut(cuts: list[int]) -> None:
    patience, raw, start = Patience(LIMITS, 0.0), HEAD + b"body", 0
    for cut in [*cuts, len(raw)]:
        assert patience.received(raw[start : start + cut], 0.0) is None
        start += cut
    assert patience.received(b"x" * 5000, 0.0) is None, "a body does not count as head"


def test_a_head_that_never_ends_is_too_large() -> None:
    patience = Patience(LIMITS, 0.0)
    faults = [patience.received(b"X: " + b"y" * 97, 0.0) for _ in range(11)]
    assert faults == [None] * 10 + [Fault.LARGE_HEAD]


def test_each_head_has_its_deadline_and_dripping_does_not_move_it() -> None:
    patience = Patience(LIMITS, 0.0)
    assert patience.overdue(29.0) is None and patience.overdue(31.0) is Fault.SILENT
    for second in range(0, 30, 5):
        patience.received(b"x", float(second))
    assert patience.overdue(31.0) is Fault.SLOW_HEAD
    patience.served(31.0, has_body=False, is_socket=False)
    patience.answered()
    assert patience.overdue(1e6) is None, "idle connections are the keep-alive's business"
    patience.received(b"G", 1e6)
    assert patience.stage is Stage.HEAD and patience.overdue(1e6 + 31) is Fault.SLOW_HEAD


def test_a_body_needs_a_least_rate_until_it_is_complete() -> None:
    patience = Patience(LIMITS, 0.0)
    patience.received(HEAD, 0.0)
    patience.served(0.0, has_body=True, is_socket=False)
    patience.received(b"x" * 10_000, 1.0)
    assert patience.overdue(39.0) is None and patience.overdue(41.0) is Fault.SLOW_BODY
    patience.body_complete()
    assert patience.overdue(1e6) is None, "the handler may take its time"


def test_the_rest_of_a_body_that_was_refused_is_no_head() -> None:
    patience = Patience(LIMITS, 0.0)
    patience.received(HEAD, 0.0)
    patience.served(0.0, has_body=True, is_socket=False)
    patience.answered()
    assert patience.received(b"x" * 100_000, 1.0) is None and patience.overdue(1e6) is None
    patience.body_complete()
    assert patience.received(b"x" * 2000, 1e6) is Fault.LARGE_HEAD


def test_an_answer_nobody_reads_ends_but_not_an_event_socket() -> None:
    patience = Patience(LIMITS, 0.0)
    patience.served(0.0, has_body=False, is_socket=False)
    patience.unread(10.0)
    assert patience.overdue(129.0) is None and patience.overdue(131.0) is Fault.UNREAD
    patience.unread(None)
    assert patience.overdue(131.0) is None
    patience.served(0.0, has_body=False, is_socket=True)
    patience.unread(10.0)
    assert patience.overdue(1e6) is None


@pytest.fixture
async def clock(served: Served) -> list[float]:
    """Hours that pass when the test says so."""
    now = [0.0]
    guard = served.server.app[GUARD]
    guard.clock = lambda: now[0]
    return now


async def opened(served: Served, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    writer.write(data)
    await writer.drain()
    return reader, writer


def _is_at(patience: Patience, stage: Stage | None) -> bool:
    return patience.has_begun if stage is None else patience.stage is stage


async def let_time_pass(
    served: Served, clock: list[float], seconds: float, stage: Stage | None, count: int = 1
) -> None:
    """Once `count` connections are at a stage, moves the clock and has them looked at."""
    guard = served.server.app[GUARD]
    async with asyncio.timeout(5):
        while sum(_is_at(c.patience, stage) for c in guard.connections.values()) < count:
            await asyncio.sleep(0.005)
    clock[0] += seconds
    guard.check()


async def test_slow_heads_are_answered_408_and_the_server_goes_on(served: Served, clock: Any) -> None:
    peers = [await opened(served, b"GET / HTTP/1.1\r\nHost: a\r\n") for _ in range(50)]
    await let_time_pass(served, clock, 31.0, None, 50)
    for reader, writer in peers:
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 408 ") and b'"field": "request"' in answer
        writer.close()
    assert (await served.json("GET", "/queue"))[0] == 200


async def test_a_body_that_stops_coming_is_answered_408(served: Served, clock: Any) -> None:
    head = b"POST /prompt HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"
    reader, writer = await opened(served, head + b'{"prompt"')
    await let_time_pass(served, clock, 31.0, Stage.SERVED)
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_connection_without_a_word_is_closed(served: Served, clock: Any) -> None:
    reader, writer = await opened(served)
    await let_time_pass(served, clock, 31.0, Stage.HEAD)
    try:
        assert await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        assert reader.at_eof() or reader.exception() is not None
    writer.close()


async def test_a_huge_head_is_refused_before_it_is_whole(served: Served) -> None:
    reader, writer = await opened(served, b"GET / HTTP/1.1\r\nHost: a\r\n")
    for i in range(40):
        writer.write(f"X-{i}: {'y' * 4000}\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_sockets_and_finished_requests_are_left_alone(served: Served, clock: Any) -> None:
    socket = await served.connect("me")
    await socket.receive_json()
    assert (await served.json("POST", "/queue", json={}))[0] == 200
    clock[0] += 10_000
    served.server.app[GUARD].check()
    served.run_in_thread(lambda: served.server.send_sync("still", {}))
    assert (await socket.receive_json(timeout=5))["type"] == "still"
    await socket.close()


async def test_a_peer_that_vanished_is_probed_for(served: Served) -> None:
    import socket as sockets

    _, writer = await opened(served)
    guard = served.server.app[GUARD]
    async with asyncio.timeout(5):
        while not guard.connections:
            await asyncio.sleep(0.005)
    (connection,) = guard.connections.values()
    assert connection.transport is not None
    sock = connection.transport.get_extra_info("socket")
    assert sock.getsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE) == 1
    if hasattr(sockets, "TCP_KEEPIDLE"):
        assert sock.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPIDLE) == 60
    writer.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"POST /prompt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_is_a_json_400(served: Served, raw: bytes) -> None:
    reader, writer = await opened(served, raw)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert b" 400 " in answer.splitlines()[0]
    assert b"application/json" in answer and b'"field"' in answer
    writer.close()
