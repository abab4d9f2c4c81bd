"""Websocket frames written straight to a connection that keeps up: one frame for all receivers, no task in between.

With hundreds of listeners the way through a task and a writer per client costs more than the message. A connection that
has unsent bytes is not written to here: its messages wait in the client's outbox, where they can be dropped.
"""

from __future__ import annotations

import asyncio
import struct

from app.events.outbox import Message

_FINAL_TEXT, _FINAL_BINARY = 0x81, 0x82
"""FIN and opcode, RFC 6455 section 5.2."""


def frame_of(message: Message) -> bytes:
    """The unmasked, uncompressed frame of a server. Made once per message.

    Source: RFC 6455 section 5.2.
    """
    if message.frame is None:
        is_text = isinstance(message.payload, str)
        payload = message.payload.encode() if isinstance(message.payload, str) else message.payload
        first, size = _FINAL_TEXT if is_text else _FINAL_BINARY, len(payload)
        if size < 126:
            head = struct.pack("!BB", first, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", first, 126, size)
        else:
            head = struct.pack("!BBQ", first, 127, size)
        object.__setattr__(message, "frame", head + payload)  # the one late field of a frozen record
    assert message.frame is not None
    return message.frame


class DirectWriter:
    """The connection of one websocket."""

    def __init__(self, transport: asyncio.WriteTransport | None) -> None:
        self._transport = transport

    def write(self, frames: bytes) -> bool:
        """Sends whole frames if nothing waits to be sent; whether it did."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > 0:
            return False
        transport.write(frames)
        return True
