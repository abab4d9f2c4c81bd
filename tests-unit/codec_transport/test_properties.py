"""Laws of the wire: any cut of the bytes gives the same messages; any bytes give messages or a remote error."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_transport.errors import RemoteProtocolError
from codec_transport.pipelines.decoder import LatentStreamDecoder
from codec_transport.wire.codings import KNOWN_CODINGS, BodyDecoder, body_coder
from codec_transport.wire.decoder import (
    decode_latent_frame_msgpack,
    decode_latent_frame_protobuf,
    decode_latent_header_msgpack,
    decode_latent_header_protobuf,
    split_messages,
)
from codec_transport.wire.encoder import encode_message
from codec_transport.wire.layouts import PIPELINES
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA
from codec_transport.wire.session import ReceivingSession

FORMATS = ["msgpack", "protobuf"]
DATA = Path(__file__).parents[1] / "data" / "vectors" / "codec" / "compressed"
DICTIONARY = (DATA / "sd-vae-ft-mse-msgpack-int8-v1.dict").read_bytes()


@st.composite
def headers(draw) -> LatentStreamHeader:
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    pipeline = draw(st.sampled_from(PIPELINES))
    return LatentStreamHeader(
        latent_space_id=draw(st.text("abc/-é漢", min_size=1, max_size=40)),
        shape=shape,
        dtype=draw(st.sampled_from(["fp16", "fp32"])),
        pipeline=pipeline,
        scales=b"\x00\x3c" * shape[0] if pipeline in ("int8", "int4") else None,
        fps=draw(st.none() | st.integers(0, 2**32 - 1)),
        total_frames=draw(st.none() | st.integers(0, 2**16)),
        vae_scale_factor=draw(st.none() | st.floats(-100, 100, width=32)),
    )


@st.composite
def streams(draw) -> list[LatentStreamHeader | LatentFrame]:
    header = draw(headers())
    steps = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=5))
    messages: list[LatentStreamHeader | LatentFrame] = [header]
    seq = draw(st.integers(0, 2**31)) - 1
    for i, step in enumerate(steps):
        seq += step
        keyframe = i == 0 or "delta" not in header.pipeline or draw(st.booleans())
        # fp16 zeros in front are good scales whatever the pipeline
        data = bytes(header.payload_bytes(keyframe=keyframe))
        done = i == len(steps) - 1
        reason = draw(st.none() | st.sampled_from(["ok", "length", "error"])) if done else None
        messages.append(LatentFrame(data, seq, keyframe, done, reason))
    return messages


def body_of(messages, stream_format) -> bytes:
    return b"".join(buffer for message in messages for buffer in encode_message(message, stream_format))


def cut(body: bytes, places) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(edges)]


def received(chunks, stream_format):
    session = ReceivingSession(stream_format)
    messages = []
    for chunk in chunks:
        session.receive_data(chunk)
        while (message := session.next_message()) is not NEED_DATA:
            messages.append(message)
    session.receive_end()
    return messages


def outcome(chunks, stream_format):
    """Messages, or the error's text with its place."""
    try:
        return received(chunks, stream_format)
    except RemoteProtocolError as error:
        return str(error)


@settings(deadline=None, max_examples=120)
@given(
    messages=streams(),
    stream_format=st.sampled_from(FORMATS),
    places=st.lists(st.integers(0, 2000), max_size=8),
)
def test_any_cut_of_the_bytes_gives_the_same_messages(messages, stream_format, places):
    body = body_of(messages, stream_format)
    assert received(cut(body, places), stream_format) == messages
    assert body_of(received([body], stream_format), stream_format) == body


@settings(deadline=None, max_examples=120)
@given(
    messages=streams(),
    stream_format=st.sampled_from(FORMATS),
    edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4),
    end=st.integers(0, 4000),
    places=st.lists(st.integers(0, 2000), max_size=5),
)
def test_damaged_body_gives_the_same_outcome_for_any_cut(messages, stream_format, edits, end, places):
    body = bytearray(body_of(messages, stream_format))
    for place, byte in edits:
        body[place % len(body)] = byte
    damaged = bytes(body[: max(end % (2 * len(body)), 1)])
    whole = outcome([damaged], stream_format)
    assert outcome(cut(damaged, places), stream_format) == whole
    if isinstance(whole, list):
        decode_all(whole)


def decode_all(messages) -> None:
    """Decodes what was accepted: a latent for each frame or a remote error, nothing else."""
    decoder = LatentStreamDecoder(messages[0])
    try:
        for frame in messages[1:]:
            assert decoder.decode_frame(frame).shape == messages[0].shape
    except RemoteProtocolError:
        return


@settings(deadline=None, max_examples=200)
@given(body=st.binary(max_size=300), stream_format=st.sampled_from(FORMATS))
def test_any_bytes_give_messages_or_a_remote_error(body, stream_format):
    for feed in ([body], [body[i : i + 1] for i in range(len(body))]):
        outcome(feed, stream_format)
    try:
        messages = list(split_messages([body], stream_format))
    except RemoteProtocolError:
        return
    if stream_format == "msgpack":
        assert b"".join(messages) == body


@pytest.mark.parametrize(
    "decode",
    [
        decode_latent_header_msgpack,
        decode_latent_frame_msgpack,
        decode_latent_header_protobuf,
        decode_latent_frame_protobuf,
    ],
)
@settings(deadline=None, max_examples=150)
@given(message=st.binary(max_size=100))
def test_any_message_decodes_or_is_a_remote_error(decode, message):
    try:
        decoded = decode(message)
    except RemoteProtocolError:
        return
    assert isinstance(decoded, LatentStreamHeader | LatentFrame)


@pytest.mark.parametrize("coding", KNOWN_CODINGS)
@settings(deadline=None, max_examples=40)
@given(
    messages=st.lists(st.lists(st.binary(max_size=300), max_size=3), max_size=6),
    edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4),
    noise=st.binary(max_size=60),
)
def test_coded_body_unfolds_message_by_message_and_damage_is_a_remote_error(coding, messages, edits, noise):
    dictionary = DICTIONARY if coding == "zstd" else None
    coder = body_coder(coding, dictionary=dictionary)
    decoder = BodyDecoder(coding, max_bytes=10_000, dictionary=dictionary)
    body = bytearray()
    for message in messages:
        coded = b"".join(coder.message(message))
        body += coded
        assert decoder.feed(coded) == b"".join(message)
    for place, byte in edits:
        if body:
            body[place % len(body)] = byte
    for damaged in (bytes(body), noise, bytes(body) + noise):
        try:
            unfolded = BodyDecoder(coding, max_bytes=10_000, dictionary=dictionary).feed(damaged)
        except RemoteProtocolError:
            continue
        assert len(unfolded) <= 10_000
