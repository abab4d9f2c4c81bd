"""protobuf side of the wire, written out: two messages of thirteen fields between them.

Why not a protobuf runtime: the published encoder writes the default values of required fields (0, false,
""), which canonical proto3 serialisers leave out, so a runtime would not give its bytes; a runtime would
also copy `data` twice more; and the limits of a receiver must hold before anything is allocated.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from codec_transport.errors import RemoteProtocolError
from codec_transport.wire.mapping import frame_from_fields, header_from_fields
from codec_transport.wire.messages import MAX_UINT32, Buffer, LatentFrame, LatentStreamHeader

ENVELOPE = struct.Struct(">I")  # length of the message that follows

# The two messages for a proto compiler; also what a server shows to clients that ask for the schema.
PROTO_SCHEMA = """\
syntax = "proto3";
package codec;

// Each message is preceded by its length as 4 bytes, big-endian. The first message is the header.
message LatentStreamHeader {
  string latent_space_id = 1;
  repeated uint32 shape = 2;
  string dtype = 3;
  string pipeline = 4;
  optional bytes scales = 5;
  optional uint32 fps = 6;
  optional uint32 total_frames = 7;
  optional float vae_scale_factor = 8;
}

message LatentFrame {
  bytes data = 1;
  uint32 seq = 2;
  bool keyframe = 3;
  bool done = 4;
  optional string finish_reason = 5;
}
"""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
MAX_VARINT_BYTES = 5  # a uint32 needs no more
MAX_UNKNOWN_VARINT_BYTES = 10  # a 64-bit value in a field of a later version


def pack_header(header: LatentStreamHeader) -> list[Buffer]:
    """The header with its envelope, as one buffer."""
    message = b"".join(
        (
            _bytes_field(1, header.latent_space_id.encode()),
            _bytes_field(2, b"".join(_varint(length) for length in header.shape)),
            _bytes_field(3, header.dtype.encode()),
            _bytes_field(4, header.pipeline.encode()),
            b"" if header.scales is None else _bytes_field(5, header.scales),
            b"" if header.fps is None else b"\x30" + _varint(header.fps),
            b"" if header.total_frames is None else b"\x38" + _varint(header.total_frames),
            b"" if header.vae_scale_factor is None else b"\x45" + struct.pack("<f", header.vae_scale_factor),
        )
    )
    return [ENVELOPE.pack(len(message)) + message]


def pack_frame(frame: LatentFrame) -> list[Buffer]:
    """The frame with its envelope as prefix, payload, suffix. The payload is not copied."""
    head = b"\x0a" + _varint(len(frame.data))
    suffix = b"\x10" + _varint(frame.seq) + (b"\x18\x01" if frame.keyframe else b"\x18\x00")
    suffix += b"\x20\x01" if frame.done else b"\x20\x00"
    if frame.finish_reason is not None:
        suffix += _bytes_field(5, frame.finish_reason.encode())
    envelope = ENVELOPE.pack(len(head) + len(frame.data) + len(suffix))
    return [envelope + head, frame.data, suffix]


def unpack_header(message: Buffer) -> LatentStreamHeader:
    """A header from a message without its envelope. Raises: RemoteProtocolError."""
    fields: dict[str, Any] = {"latent_space_id": "", "shape": [], "dtype": "", "pipeline": ""}
    for number, wire_type, value, offset in _fields(memoryview(message), 8):
        if number == 1:
            fields["latent_space_id"] = _text("latent_space_id", wire_type, value, offset)
        elif number == 2 and wire_type == _VARINT:
            fields["shape"].append(value)
        elif number == 2:
            fields["shape"].extend(_packed_uint32("shape", wire_type, value, offset))
        elif number == 3:
            fields["dtype"] = _text("dtype", wire_type, value, offset)
        elif number == 4:
            fields["pipeline"] = _text("pipeline", wire_type, value, offset)
        elif number == 5:
            fields["scales"] = bytes(_of_type("scales", _BYTES, wire_type, value, offset))
        elif number == 6:
            fields["fps"] = _of_type("fps", _VARINT, wire_type, value, offset)
        elif number == 7:
            fields["total_frames"] = _of_type("total_frames", _VARINT, wire_type, value, offset)
        elif number == 8:
            packed = _of_type("vae_scale_factor", _FIXED32, wire_type, value, offset)
            (fields["vae_scale_factor"],) = struct.unpack("<f", packed)
    return header_from_fields(fields)


def unpack_frame(message: Buffer) -> LatentFrame:
    """A frame from a message without its envelope; fields left out hold their defaults.

    `data` aliases `message`. Raises: RemoteProtocolError.
    """
    fields: dict[str, Any] = {"data": b"", "seq": 0, "keyframe": False, "done": False}
    for number, wire_type, value, offset in _fields(memoryview(message), 5):
        if number == 1:
            fields["data"] = _of_type("data", _BYTES, wire_type, value, offset)
        elif number == 2:
            fields["seq"] = _of_type("seq", _VARINT, wire_type, value, offset)
        elif number == 3:
            fields["keyframe"] = bool(_of_type("keyframe", _VARINT, wire_type, value, offset))
        elif number == 4:
            fields["done"] = bool(_of_type("done", _VARINT, wire_type, value, offset))
        elif number == 5:
            fields["finish_reason"] = _text("finish_reason", wire_type, value, offset)
    return frame_from_fields(fields)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _bytes_field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | _BYTES]) + _varint(len(content)) + content


def _fields(message: memoryview, num_known: int) -> Iterator[tuple[int, int, Any, int]]:
    """Each field as number, wire type, value (int for varints, else a view) and offset of its tag."""
    position = 0
    while position < len(message):
        offset = position
        tag, position = _read_varint(message, position, MAX_VARINT_BYTES)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise RemoteProtocolError("field number 0", byte_offset=offset)
        if wire_type == _VARINT:
            is_known = number <= num_known
            max_bytes = MAX_VARINT_BYTES if is_known else MAX_UNKNOWN_VARINT_BYTES
            value, position = _read_varint(message, position, max_bytes)
            if is_known and value > MAX_UINT32:
                raise RemoteProtocolError("a number beyond 32 bits", byte_offset=offset)
            yield number, wire_type, value, offset
            continue
        if wire_type == _BYTES:
            num_bytes, position = _read_varint(message, position, MAX_VARINT_BYTES)
        elif wire_type in (_FIXED32, _FIXED64):
            num_bytes = 4 if wire_type == _FIXED32 else 8
        else:
            raise RemoteProtocolError(f"wire type {wire_type} is not used here", byte_offset=offset)
        if num_bytes > len(message) - position:
            raise RemoteProtocolError(
                f"field {number} claims {num_bytes} bytes, {len(message) - position} are left in the message",
                byte_offset=offset,
            )
        yield number, wire_type, message[position : position + num_bytes], offset
        position += num_bytes


def _read_varint(message: memoryview, position: int, max_bytes: int) -> tuple[int, int]:
    value = 0
    for i in range(max_bytes):
        if position + i >= len(message):
            raise RemoteProtocolError("a varint runs out of the message", byte_offset=position)
        byte = message[position + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, position + i + 1
    raise RemoteProtocolError(f"a varint of more than {max_bytes} bytes", byte_offset=position)


def _packed_uint32(name: str, wire_type: int, value: Any, offset: int) -> Iterator[int]:
    packed = _of_type(name, _BYTES, wire_type, value, offset)
    position = 0
    while position < len(packed):
        number, position = _read_varint(packed, position, MAX_VARINT_BYTES)
        if number > MAX_UINT32:
            raise RemoteProtocolError("a number beyond 32 bits", byte_offset=offset, field=name)
        yield number


def _text(name: str, wire_type: int, value: Any, offset: int) -> str:
    content = _of_type(name, _BYTES, wire_type, value, offset)
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("text that is not UTF-8", byte_offset=offset, field=name) from error


def _of_type(name: str, expected: int, wire_type: int, value: Any, offset: int) -> Any:
    if wire_type != expected:
        raise RemoteProtocolError(
            f"wire type {wire_type}, expected {expected}", byte_offset=offset, field=name
        )
    return value
