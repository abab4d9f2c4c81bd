"""Frames written straight to a connection, read by a real client and by the rules of RFC 6455."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.events.direct import DirectWriter, frame_of
from app.events.outbox import Message

FRAME = b"\x81\x05hello"


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
        assert DirectWriter(wire).write(FRAME) is False
        assert wire.written == b""
    assert DirectWriter(None).write(FRAME) is False
    wire = Wire()
    assert DirectWriter(wire).write(FRAME) is True
    assert wire.written == FRAME


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


async def test_progress_for_all_is_gathered_and_its_order_with_other_messages_stays(served: Any) -> None:
    sockets = [await served.connect(f"c{number}") for number in range(40)]
    for socket in sockets:
        await socket.receive_json()

    def run() -> None:
        for index in range(30):
            served.server.send_sync("progress_state", {"index": index})
            served.server.send_sync("progress", {"index": index})
        served.server.send_sync("status", {"end": True})

    served.run_in_thread(run)
    for socket in sockets:
        seen = [await socket.receive_json() for _ in range(61)]
        assert [m["data"].get("index") for m in seen if m["type"] == "progress"] == list(range(30))
        assert [m["type"] for m in seen[:2]] == ["progress_state", "progress"]
        assert seen[-1] == {"type": "status", "data": {"end": True}}
        await socket.close()


async def test_gathered_progress_goes_out_without_another_message(served: Any) -> None:
    sockets = [await served.connect(f"c{number}") for number in range(40)]
    for socket in sockets:
        await socket.receive_json()
    for value in (1, 2):
        served.run_in_thread(lambda value=value: served.server.send_sync("progress", {"value": value}))
    for socket in sockets:
        assert [(await socket.receive_json())["data"]["value"] for _ in range(2)] == [1, 2]
        await socket.close()
