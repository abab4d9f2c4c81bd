"""Frames written straight to a connection, read by a real client and by the rules of RFC 6455."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.events.direct import DirectWriter, frame_of
from app.events.outbox import Message


class Wire(asyncio.WriteTransport):
    """A transport that keeps what is written; `unsent` bytes wait in it."""

    def __init__(self, unsent: int = 0, closing: bool = False) -> None:
        self.unsent, self.closing, self.written = unsent, closing, b""

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closing


@pytest.mark.parametrize(
    ("payload", "head"),
    [
        ("", b"\x81\x00"),
        ("é", b"\x81\x02"),
        ("x" * 125, b"\x81\x7d"),
        (b"x" * 126, b"\x82\x7e\x00\x7e"),
        (b"x" * 65535, b"\x82\x7e\xff\xff"),
        (b"x" * 65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_the_head_of_a_frame_tells_kind_and_length(payload: str | bytes, head: bytes) -> None:
    raw = payload.encode() if isinstance(payload, str) else payload
    assert frame_of(Message(payload)) == head + raw


def test_one_frame_serves_all_receivers() -> None:
    message = Message("hello")
    assert frame_of(message) is frame_of(message)
    assert message == Message("hello")


def test_a_connection_that_lags_or_closes_is_not_written_to() -> None:
    for wire in (Wire(unsent=1), Wire(closing=True)):
        assert DirectWriter(wire).write(Message("hello")) is False
        assert wire.written == b""
    assert DirectWriter(None).write(Message("hello")) is False
    wire = Wire()
    assert DirectWriter(wire).write(Message("hello")) is True
    assert wire.written == b"\x81\x05hello"


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 200_000])
async def test_a_client_reads_what_was_sent(served: Any, size: int) -> None:
    async with await served.connect("me") as socket:
        await socket.receive_json()
        served.run_in_thread(lambda: served.server.send_sync("text", {"long": "ü" * size}, "me"))
        served.run_in_thread(lambda: served.server.send_sync(77, b"\x07" * size, "me"))
        assert (await socket.receive_json())["data"] == {"long": "ü" * size}
        assert await socket.receive_bytes() == b"\x00\x00\x00\x4d" + b"\x07" * size


async def test_order_is_kept_while_a_client_falls_behind_and_catches_up(served: Any) -> None:
    async with await served.connect("me", max_msg_size=0) as socket:
        await socket.receive_json()
        text = "x" * 50_000

        def burst() -> None:
            for index in range(400):
                served.server.send_sync("part", {"index": index, "text": text}, "me")

        served.run_in_thread(burst)
        indices = [(await socket.receive_json())["data"]["index"] for _ in range(400)]
        assert indices == list(range(400))
