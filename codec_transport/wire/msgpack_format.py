"""msgpack side of the wire: frame maps around an uncopied payload, and a bounded search for message ends.

The `msgpack` library packs the small maps and unpacks complete messages. Finding where a message ends is
done here, because the library learns of a huge claim only after buffering it, has no nesting limit of its
own and takes extension types; this scanner refuses all three from the first bytes that say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal

import msgpack

from codec_transport.errors import LimitExceededError, RemoteProtocolError
from codec_transport.wire.mapping import header_to_map
from codec_transport.wire.messages import Buffer, LatentFrame, LatentStreamHeader


class NeedData(Enum):
    """The one value that says "not enough bytes yet"."""

    NEED_DATA = auto()


NEED_DATA = NeedData.NEED_DATA
NeedDataType = Literal[NeedData.NEED_DATA]

MAX_NESTING = 4  # a header is a map holding one array; two more levels for keys of later versions
MAX_VALUES = 1024  # a header has under 30; bounds the work that one message can ask for

_PACKER_BYTES = 1024  # where a packer starts; its own start of 256 KiB is twice a frame
_DATA_KEY = msgpack.packb("data")
_SEQ_KEY = msgpack.packb("seq")
_KEYFRAME_KEY = msgpack.packb("keyframe")
_DONE_KEY = msgpack.packb("done")
_FINISH_REASON_KEY = msgpack.packb("finish_reason")
_BOOL = {False: b"\xc2", True: b"\xc3"}


def pack_header(header: LatentStreamHeader) -> list[Buffer]:
    """The header as one buffer."""
    return [msgpack.packb(header_to_map(header), buf_size=_PACKER_BYTES)]


def pack_frame(frame: LatentFrame) -> list[Buffer]:
    """The frame as prefix, payload, suffix. The payload is the frame's own buffer, not a copy."""
    num_keys = 4 if frame.finish_reason is None else 5
    prefix = bytes([0x80 | num_keys]) + _DATA_KEY + _bin_head(len(frame.data))
    suffix = (
        _SEQ_KEY
        + _packed_uint32(frame.seq)
        + _KEYFRAME_KEY
        + _BOOL[frame.keyframe]
        + _DONE_KEY
        + _BOOL[frame.done]
    )
    if frame.finish_reason is not None:
        suffix += _FINISH_REASON_KEY + msgpack.packb(frame.finish_reason, buf_size=_PACKER_BYTES)
    return [prefix, frame.data, suffix]


def _packed_uint32(number: int) -> bytes:
    """A whole number in its shortest form. Here, because it is done for every frame."""
    if number < 0x80:
        return bytes((number,))
    if number < 0x100:
        return bytes((0xCC, number))
    if number < 0x10000:
        return b"\xcd" + number.to_bytes(2, "big")
    return b"\xce" + number.to_bytes(4, "big")


def unpack_map(message: Buffer) -> dict[str, Any]:
    """One complete message as a map of text keys.

    Raises: RemoteProtocolError for anything but exactly one map, duplicate keys, keys that are not text.
    """
    scanner = MsgpackScanner()
    end = scanner.scan(message, max_message_bytes=len(message))
    if end is NEED_DATA:
        raise RemoteProtocolError("the message is cut off", byte_offset=len(message))
    if end != len(message):
        raise RemoteProtocolError("bytes behind the end of the message", byte_offset=end)
    try:
        unpacked = msgpack.unpackb(message, object_pairs_hook=_unique_text_keys, strict_map_key=False)
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("text that is not UTF-8") from error
    return dict(unpacked)


def _unique_text_keys(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    unique: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise RemoteProtocolError(f"a map key of type {type(key).__name__}, expected text")
        if key in unique:
            raise RemoteProtocolError("the key comes twice", field=key[:80])
        unique[key] = value
    return unique


def _bin_head(num_bytes: int) -> bytes:
    if num_bytes < 1 << 8:
        return b"\xc4" + num_bytes.to_bytes(1, "big")
    if num_bytes < 1 << 16:
        return b"\xc5" + num_bytes.to_bytes(2, "big")
    return b"\xc6" + num_bytes.to_bytes(4, "big")


class _Kind(Enum):
    BYTES = auto()  # value of known or announced length
    ARRAY = auto()
    MAP = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    """What a first byte announces. length_bytes: size of a length field behind it; amount: used without one."""

    kind: _Kind
    length_bytes: int
    amount: int


def _token_table() -> tuple[_Token, ...]:
    """The format's first bytes. Source: msgpack specification, section "Formats"."""
    table = [_Token(_Kind.BYTES, 0, 0)] * 256  # fixint, nil and booleans carry nothing behind them
    for count in range(16):
        table[0x80 + count] = _Token(_Kind.MAP, 0, count)
        table[0x90 + count] = _Token(_Kind.ARRAY, 0, count)
    for length in range(32):
        table[0xA0 + length] = _Token(_Kind.BYTES, 0, length)
    for first, length_bytes in ((0xC4, 1), (0xC5, 2), (0xC6, 4), (0xD9, 1), (0xDA, 2), (0xDB, 4)):
        table[first] = _Token(_Kind.BYTES, length_bytes, 0)
    for first, size in ((0xCA, 4), (0xCB, 8), (0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        table[first] = _Token(_Kind.BYTES, 0, size)
    for first, size in ((0xD0, 1), (0xD1, 2), (0xD2, 4), (0xD3, 8)):
        table[first] = _Token(_Kind.BYTES, 0, size)
    table[0xDC], table[0xDD] = _Token(_Kind.ARRAY, 2, 0), _Token(_Kind.ARRAY, 4, 0)
    table[0xDE], table[0xDF] = _Token(_Kind.MAP, 2, 0), _Token(_Kind.MAP, 4, 0)
    for first in (0xC1, 0xC7, 0xC8, 0xC9, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8):
        table[first] = _Token(_Kind.REFUSED, 0, 0)
    return tuple(table)


_TOKENS = _token_table()


class MsgpackScanner:
    """Finds the end of one map in a growing buffer, without unpacking and without looking twice.

    Keeps its place between calls; the buffer given to `scan` must start with the same bytes each time
    until an end was returned. Offsets in errors count from the start of that buffer.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._position = 0
        self._num_values = 0
        self._open: list[int] = []  # values still to come in each open container, outermost first

    def scan(self, buffer: Buffer, *, max_message_bytes: int) -> int | NeedDataType:
        """Offset behind the first message in `buffer`, or NEED_DATA.

        Raises: RemoteProtocolError, LimitExceededError as soon as the bytes at hand prove a violation.
        """
        while True:
            position = self._position
            if position >= len(buffer):
                return NEED_DATA
            token = _TOKENS[buffer[position]]
            if token.kind is _Kind.REFUSED:
                raise RemoteProtocolError(
                    f"first byte 0x{buffer[position]:02x} (reserved or an extension type)",
                    byte_offset=position,
                )
            if not self._open and token.kind is not _Kind.MAP:
                raise RemoteProtocolError("a message that is not a map", byte_offset=position)
            content = position + 1 + token.length_bytes
            if content > len(buffer):
                return NEED_DATA
            amount = token.amount
            if token.length_bytes:
                amount = int.from_bytes(buffer[position + 1 : content], "big")
            end = content + amount * (2 if token.kind is _Kind.MAP else 1)
            # a container's members take at least one byte each, so its claim bounds the message as well
            if end > max_message_bytes:
                raise LimitExceededError(
                    "message length", claimed=end, limit=max_message_bytes, byte_offset=position
                )
            if token.kind is _Kind.BYTES:
                if end > len(buffer):
                    return NEED_DATA
                self._close_value(position, num_members=0)
                self._position = end
            else:
                self._close_value(position, num_members=end - content)
                self._position = content
            if not self._open:
                message_end = self._position
                self._reset()
                return message_end

    def _close_value(self, position: int, *, num_members: int) -> None:
        """Counts one value in its container and opens it when it has members of its own."""
        self._num_values += 1
        if self._num_values + num_members > MAX_VALUES:
            raise LimitExceededError(
                "values in a message",
                claimed=self._num_values + num_members,
                limit=MAX_VALUES,
                byte_offset=position,
            )
        if self._open:
            self._open[-1] -= 1
        if num_members:
            self._open.append(num_members)
            if len(self._open) > MAX_NESTING:
                raise LimitExceededError(
                    "nesting", claimed=len(self._open), limit=MAX_NESTING, byte_offset=position
                )
        while self._open and self._open[-1] == 0:
            self._open.pop()
