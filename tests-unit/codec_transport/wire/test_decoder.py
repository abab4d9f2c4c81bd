"""Incremental decoding: bounds, places of errors, the end of a body."""

from __future__ import annotations

import pytest

from codec_transport.errors import LimitExceededError, RemoteProtocolError, UnknownStreamFormatError
from codec_transport.wire.decoder import (
    MAX_HEADER_BYTES,
    MessageDecoder,
    MessageSplitter,
    decode_latent_frame_msgpack,
    decode_latent_frame_protobuf,
    decode_latent_header_msgpack,
    decode_latent_header_protobuf,
    frame_bytes_limit,
    split_messages,
)
from codec_transport.wire.encoder import encode_message
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA

FORMATS = ["msgpack", "protobuf"]
HEADER = LatentStreamHeader("a/b", (2, 2), "fp16", "raw", fps=24)
FRAMES = [LatentFrame(bytes(8), i, True, i == 2, "ok" if i == 2 else None) for i in range(3)]


def body_of(stream_format, *messages) -> bytes:
    return b"".join(buffer for message in messages for buffer in encode_message(message, stream_format))


@pytest.mark.parametrize("stream_format", FORMATS)
def test_messages_come_out_as_they_went_in(stream_format):
    decoder = MessageDecoder(stream_format)
    assert decoder.next_message() is NEED_DATA
    decoder.receive_data(body_of(stream_format, HEADER, *FRAMES))
    assert [decoder.next_message() for _ in range(4)] == [HEADER, *FRAMES]
    assert decoder.next_message() is NEED_DATA
    assert decoder.num_buffered_bytes == 0
    decoder.receive_end()


@pytest.mark.parametrize("stream_format", FORMATS)
def test_split_gives_one_bytes_object_per_message(stream_format):
    messages = list(split_messages(iter([body_of(stream_format, HEADER, *FRAMES)]), stream_format))
    assert [type(message) for message in messages] == [bytes] * 4
    if stream_format == "msgpack":
        assert decode_latent_header_msgpack(messages[0]) == HEADER
        assert decode_latent_frame_msgpack(messages[3]) == FRAMES[2]
    else:
        assert decode_latent_header_protobuf(messages[0]) == HEADER
        assert decode_latent_frame_protobuf(messages[3]) == FRAMES[2]


@pytest.mark.parametrize("stream_format", FORMATS)
def test_split_of_an_empty_body_gives_nothing(stream_format):
    assert list(split_messages([b"", b""], stream_format)) == []


@pytest.mark.parametrize("stream_format", FORMATS)
def test_body_that_ends_inside_a_message_is_a_remote_fault(stream_format):
    body = body_of(stream_format, HEADER, FRAMES[0])
    start = len(body_of(stream_format, HEADER))
    with pytest.raises(RemoteProtocolError) as caught:
        list(split_messages([body[:-1]], stream_format))
    assert (caught.value.byte_offset, caught.value.message_index) == (start, 1)


@pytest.mark.parametrize("stream_format", FORMATS)
def test_splitter_holds_no_more_than_it_needs(stream_format):
    splitter = MessageSplitter(stream_format)
    body = body_of(stream_format, HEADER, *FRAMES)
    most = 0
    for i in range(len(body)):
        splitter.feed(body[i : i + 1])
        while splitter.next_message() is not NEED_DATA:
            pass
        most = max(most, splitter.num_buffered_bytes)
    assert splitter.message_index == 4 and splitter.byte_offset == len(body)
    assert most < max(len(body_of(stream_format, message)) for message in (HEADER, *FRAMES))


@pytest.mark.parametrize("stream_format", FORMATS)
def test_frame_longer_than_the_header_allows_is_refused_from_its_first_bytes(stream_format):
    limit = frame_bytes_limit(HEADER)
    too_long = body_of(stream_format, LatentFrame(bytes(limit + 1), 0, True, True))
    decoder = MessageDecoder(stream_format)
    header = body_of(stream_format, HEADER)
    decoder.receive_data(header + too_long[:16])
    assert decoder.next_message() == HEADER
    with pytest.raises(LimitExceededError) as caught:
        decoder.next_message()
    assert caught.value.limit == limit
    assert caught.value.message_index == 1
    assert caught.value.byte_offset >= len(header)


@pytest.mark.parametrize("stream_format", FORMATS)
def test_header_over_its_limit_is_refused(stream_format):
    claim = b"\xdf\xff\xff\xff\xff" if stream_format == "msgpack" else b"\xff\xff\xff\xff"
    decoder = MessageDecoder(stream_format)
    decoder.receive_data(claim)
    with pytest.raises(LimitExceededError) as caught:
        decoder.next_message()
    assert caught.value.limit == MAX_HEADER_BYTES


@pytest.mark.parametrize("stream_format", FORMATS)
def test_shape_that_asks_for_more_than_the_receiver_holds_is_refused(stream_format):
    decoder = MessageDecoder(stream_format, max_message_bytes=1000)
    decoder.receive_data(
        body_of(stream_format, LatentStreamHeader("a", (4, 64, 64), "fp16", "int8-adaptive"))
    )
    with pytest.raises(LimitExceededError) as caught:
        decoder.next_message()
    assert caught.value.field == "shape"


def test_error_repeats_itself():
    decoder = MessageDecoder("msgpack")
    decoder.receive_data(b"\xc1")
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="0xc1"):
            decoder.next_message()


def test_place_of_an_error_inside_a_protobuf_frame_counts_from_the_body():
    header = body_of("protobuf", HEADER)
    decoder = MessageDecoder("protobuf")
    decoder.receive_data(header + b"\x00\x00\x00\x03\x10\x01\x0b")
    decoder.next_message()
    with pytest.raises(RemoteProtocolError) as caught:
        decoder.next_message()
    assert caught.value.byte_offset == len(header) + 4 + 2
    assert caught.value.message_index == 1


def test_unknown_stream_format_is_refused():
    with pytest.raises(UnknownStreamFormatError):
        MessageDecoder("json")
    with pytest.raises(UnknownStreamFormatError):
        list(split_messages([], "json"))
