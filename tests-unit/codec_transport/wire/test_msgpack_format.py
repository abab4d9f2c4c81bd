"""msgpack: the frame bytes by hand, the scanner's limits, one map per message."""

from __future__ import annotations

import msgpack
import pytest

from codec_transport.errors import LimitExceededError, RemoteProtocolError
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import (
    NEED_DATA,
    MsgpackScanner,
    pack_frame,
    pack_header,
    unpack_map,
)


@pytest.mark.parametrize("num_bytes", [0, 1, 255, 256, 65535, 65536])
@pytest.mark.parametrize("seq", [0, 127, 128, 65535, 65536, 2**32 - 1])
def test_frame_equals_what_the_library_packs(num_bytes, seq):
    data = bytes(num_bytes)
    fields = {"data": data, "seq": seq, "keyframe": True, "done": False}
    assert b"".join(pack_frame(LatentFrame(data, seq, True, False))) == msgpack.packb(fields)
    fields |= {"keyframe": False, "done": True, "finish_reason": "ok"}
    assert b"".join(pack_frame(LatentFrame(data, seq, False, True, "ok"))) == msgpack.packb(fields)


def test_payload_goes_out_as_the_same_object():
    payload = memoryview(bytearray(100_000))
    assert any(buffer is payload for buffer in pack_frame(LatentFrame(payload, 0, True, True)))


def test_published_sizes_of_an_image_stream():
    def header(pipeline, scales=None):
        return LatentStreamHeader(
            "stabilityai/sd-vae-ft-mse", (4, 64, 64), "fp16", pipeline, scales, total_frames=1
        )

    def size(buffers):
        return sum(len(buffer) for buffer in buffers)

    assert size(pack_header(header("raw"))) == 103
    assert size(pack_header(header("int8", bytes(8)))) == 121
    assert size(pack_header(header("int8-adaptive"))) == 113
    assert size(pack_frame(LatentFrame(bytes(16384), 0, True, True, "ok"))) == 16384 + 47


def test_header_leaves_unset_values_out():
    packed = b"".join(pack_header(LatentStreamHeader("a", (1,), "fp16", "raw")))
    assert list(msgpack.unpackb(packed)) == ["type", "latent_space_id", "shape", "dtype", "pipeline"]


def scan(content, limit=10_000):
    return MsgpackScanner().scan(content, max_message_bytes=limit)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": 1, "b": -1, "c": None, "d": True},
        {"list": [1, [2, {"deep": b"x"}]]},
        {str(i): i * 10**i for i in range(18)},
        {"i": -(2**63), "u": 2**64 - 1, "f": 1.5, "s": "é" * 300, "b": bytes(70_000)},
        {"long list": list(range(100))},
    ],
)
def test_scanner_finds_the_end_wherever_the_bytes_are_cut(value):
    packed = msgpack.packb(value)
    assert scan(packed + b"\x80", limit=100_000) == len(packed)
    scanner = MsgpackScanner()
    for end in [*range(min(len(packed), 400)), len(packed) - 1]:
        assert scanner.scan(packed[:end], max_message_bytes=100_000) is NEED_DATA
    assert scanner.scan(packed, max_message_bytes=100_000) == len(packed)


def test_scanner_is_fresh_after_each_message():
    scanner = MsgpackScanner()
    for _ in range(3):
        assert scanner.scan(b"\x81\xa1a\x01\x80", max_message_bytes=100) == 4


@pytest.mark.parametrize("first", [b"\x90", b"\x01", b"\xa1a", b"\xc0", b"\xdc\x00\x00"])
def test_message_that_is_no_map_is_refused_at_its_first_byte(first):
    with pytest.raises(RemoteProtocolError) as caught:
        scan(first)
    assert caught.value.byte_offset == 0


@pytest.mark.parametrize(
    "extension", [msgpack.packb(msgpack.ExtType(5, b"x" * n)) for n in (1, 2, 3, 16, 300)]
)
def test_extension_types_are_refused(extension):
    with pytest.raises(RemoteProtocolError) as caught:
        scan(b"\x81\xa1a" + extension)
    assert caught.value.byte_offset == 3


def test_reserved_byte_is_refused():
    with pytest.raises(RemoteProtocolError, match="0xc1"):
        scan(b"\x81\xc1")


@pytest.mark.parametrize(
    "claim",
    [
        b"\x81\xa1a\xc6\xff\xff\xff\xff",  # bin 32
        b"\x81\xa1a\xdb\xff\xff\xff\xff",  # str 32
        b"\x81\xa1a\xdd\xff\xff\xff\xff",  # array 32
        b"\x81\xa1a\xdf\xff\xff\xff\xff",  # map 32
        b"\x81\xa1a\xc5\x27\x11",  # bin 16 of 10,001 bytes
    ],
)
def test_claim_over_the_limit_is_refused_before_its_bytes_come(claim):
    with pytest.raises(LimitExceededError) as caught:
        scan(claim)
    assert caught.value.byte_offset == 3
    assert caught.value.limit == 10_000


def test_nesting_deeper_than_four_is_refused():
    assert scan(msgpack.packb({"a": [[[1]]]})) == 7
    with pytest.raises(LimitExceededError):
        scan(msgpack.packb({"a": [[[[1]]]]}))


def test_message_of_very_many_values_is_refused():
    with pytest.raises(LimitExceededError, match="values"):
        scan(msgpack.packb({"a": [0] * 2000}))


def test_duplicate_keys_are_refused_at_any_depth():
    with pytest.raises(RemoteProtocolError) as caught:
        unpack_map(b"\x82\xa1a\x01\xa1a\x02")
    assert caught.value.field == "a"
    with pytest.raises(RemoteProtocolError):
        unpack_map(b"\x81\xa1x\x82\xa1a\x01\xa1a\x02")


@pytest.mark.parametrize(
    "message",
    [
        b"\x81\x01\x02",  # a key that is a number
        b"\x81\xc4\x01a\x02",  # a key that is bytes
        b"\x81\x91\x01\x02",  # a key that is a list
        b"\x81\xa1\xff\x01",  # a key that is not UTF-8
        b"\x81\xa1a\xa1\xff",  # a text that is not UTF-8
        b"\x80\x80",  # two messages
        b"\x81\xa1a",  # half a message
        b"",
    ],
)
def test_anything_but_one_map_of_text_keys_is_a_remote_fault(message):
    with pytest.raises(RemoteProtocolError):
        unpack_map(message)


@pytest.mark.parametrize("seq", [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1])
def test_numbers_are_written_in_the_shortest_form_that_the_library_would_choose(seq):
    written = b"".join(pack_frame(LatentFrame(b"", seq, True, False)))
    expected = {"data": b"", "seq": seq, "keyframe": True, "done": False}
    assert written == msgpack.packb(expected)
