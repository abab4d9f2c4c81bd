"""protobuf: bytes by hand, canonical and reference forms, varint and length limits."""

from __future__ import annotations

import struct

import pytest

from codec_transport.errors import RemoteProtocolError
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.protobuf_format import (
    PROTO_SCHEMA,
    pack_frame,
    pack_header,
    unpack_frame,
    unpack_header,
)

HEADER = LatentStreamHeader(
    "a/b",
    (2, 300),
    "fp16",
    "int8",
    scales=b"\x00\x3c\x00\x40",
    fps=24,
    total_frames=2**32 - 1,
    vae_scale_factor=0.5,
)


def message_of(buffers) -> bytes:
    body = b"".join(buffers)
    assert struct.unpack(">I", body[:4])[0] == len(body) - 4
    return body[4:]


def test_header_bytes_written_out():
    assert message_of(pack_header(HEADER)) == (
        b"\x0a\x03a/b"
        b"\x12\x03\x02\xac\x02"
        b"\x1a\x04fp16"
        b"\x22\x04int8"
        b"\x2a\x04\x00\x3c\x00\x40"
        b"\x30\x18"
        b"\x38\xff\xff\xff\xff\x0f"
        b"\x45\x00\x00\x00\x3f"
    )


def test_frame_writes_defaults_explicitly():
    assert message_of(pack_frame(LatentFrame(b"", 0, False, False))) == b"\x0a\x00\x10\x00\x18\x00\x20\x00"


def test_frame_with_a_reason():
    frame = LatentFrame(b"xyz", 300, True, True, "ok")
    assert message_of(pack_frame(frame)) == b"\x0a\x03xyz\x10\xac\x02\x18\x01\x20\x01\x2a\x02ok"
    assert unpack_frame(message_of(pack_frame(frame))) == frame


def test_header_round_trip():
    assert unpack_header(message_of(pack_header(HEADER))) == HEADER


def test_payload_goes_out_and_comes_in_uncopied():
    payload = memoryview(bytearray(1000))
    assert any(buffer is payload for buffer in pack_frame(LatentFrame(payload, 0, True, True)))
    message = bytearray(message_of(pack_frame(LatentFrame(payload, 0, True, True))))
    received = unpack_frame(message)
    message[10] = 77
    assert 77 in bytes(received.data)


def test_canonical_form_without_defaults_is_read():
    assert unpack_frame(b"\x0a\x01x") == LatentFrame(b"x", 0, False, False)
    assert unpack_frame(b"") == LatentFrame(b"", 0, False, False)


def test_unpacked_shape_is_read():
    packed = message_of(pack_header(HEADER)).replace(b"\x12\x03\x02\xac\x02", b"\x10\x02\x10\xac\x02")
    assert unpack_header(packed).shape == (2, 300)


@pytest.mark.parametrize(
    "unknown",
    [
        b"\x48\x01",  # field 9, varint
        b"\x48" + b"\xff" * 9 + b"\x01",  # field 9, 64-bit varint
        b"\x49" + bytes(8),  # field 9, 64 bits
        b"\x4a\x02zz",  # field 9, bytes
        b"\x4d" + bytes(4),  # field 9, 32 bits
        b"\xfa\xff\xff\xff\x0f\x00",  # the largest field number
    ],
)
def test_fields_of_later_versions_are_skipped(unknown):
    assert unpack_frame(b"\x0a\x01x" + unknown + b"\x20\x01") == LatentFrame(b"x", 0, False, True)


@pytest.mark.parametrize(
    ("message", "offset"),
    [
        (b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1),  # endless varint
        (b"\x10\xff\xff\xff\xff\x1f", 0),  # 33 bits
        (b"\x10\xff", 1),  # varint cut off
        (b"\x10", 1),
        (b"\x0a\x05xyz", 0),  # bytes beyond the message
        (b"\x0a\xff\xff\xff\xff\x0f", 0),
        (b"\x49\x00", 0),  # 64 bits cut off
        (b"\x0b", 0),  # group
        (b"\x0e", 0),  # wire type 6
        (b"\x02\x00", 0),  # field number 0
        (b"\x12\x00", 0),  # seq as bytes
        (b"\x08\x00", 0),  # data as varint
        (b"\x2a\x01\xff", 0),  # reason that is not UTF-8
        (b"\x20\x01\x2a\x00", None),  # empty reason
    ],
)
def test_broken_frame_is_a_remote_fault_with_its_place(message, offset):
    with pytest.raises(RemoteProtocolError) as caught:
        unpack_frame(message)
    assert caught.value.byte_offset == offset


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (b"", "latent_space_id"),
        (b"\x0a\x01a", "shape"),
        (b"\x0a\x01a\x12\x01\x02", "dtype"),
        (b"\x0a\x01a\x12\x01\x02\x1a\x04fp16", "pipeline"),
        (b"\x12\x06\xff\xff\xff\xff\x1f\x02", "shape"),
        (b"\x40\x00", "vae_scale_factor"),
        (b"\x28\x00", "scales"),
    ],
)
def test_broken_header_names_the_field(message, field):
    with pytest.raises(RemoteProtocolError) as caught:
        unpack_header(message)
    assert caught.value.field == field


def test_schema_text_lists_every_field():
    for name in LatentStreamHeader.__slots__ + LatentFrame.__slots__:
        assert f" {name} = " in PROTO_SCHEMA
