"""The public encode functions: worked example bytes, keyword fields, unknown formats."""

from __future__ import annotations

import struct

import pytest

from codec_transport.errors import MessageFieldError, UnknownStreamFormatError
from codec_transport.wire.encoder import (
    STREAM_FORMATS,
    encode_latent_frame_msgpack,
    encode_latent_frame_protobuf,
    encode_latent_header_msgpack,
    encode_latent_header_protobuf,
    encode_message,
)
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader

FIELDS = {"latent_space_id": "a", "shape": [1], "dtype": "fp16", "pipeline": "raw"}


def test_header_functions_write_what_the_message_holds():
    header = LatentStreamHeader("a", (1,), "fp16", "raw", fps=2, total_frames=3, vae_scale_factor=0.5)
    more = {"fps": 2, "total_frames": 3, "vae_scale_factor": 0.5}
    assert encode_latent_header_msgpack(**FIELDS, **more) == b"".join(encode_message(header, "msgpack"))
    assert encode_latent_header_protobuf(**FIELDS, **more) == b"".join(encode_message(header, "protobuf"))


def test_frame_functions_write_what_the_message_holds():
    frame = LatentFrame(b"xy", 5, True, True, "ok")
    fields = {"data": b"xy", "seq": 5, "keyframe": True, "done": True, "finish_reason": "ok"}
    assert encode_latent_frame_msgpack(**fields) == b"".join(encode_message(frame, "msgpack"))
    assert encode_latent_frame_protobuf(**fields) == b"".join(encode_message(frame, "protobuf"))


def test_protobuf_comes_with_its_length_in_front():
    body = encode_latent_frame_protobuf(data=b"xy", seq=0, keyframe=True)
    assert struct.unpack(">I", body[:4])[0] == len(body) - 4


def test_msgpack_frame_written_out():
    body = encode_latent_frame_msgpack(data=b"\x01", seq=128, keyframe=False, done=True)
    assert body == b"\x84\xa4data\xc4\x01\x01\xa3seq\xcc\x80\xa8keyframe\xc2\xa4done\xc3"


@pytest.mark.parametrize("encode", [encode_latent_header_msgpack, encode_latent_header_protobuf])
def test_header_that_cannot_exist_is_not_encoded(encode):
    with pytest.raises(MessageFieldError) as caught:
        encode(**{**FIELDS, "pipeline": "int9"})
    assert caught.value.field == "pipeline"


def test_unknown_stream_format_is_named():
    with pytest.raises(UnknownStreamFormatError) as caught:
        encode_message(LatentFrame(b"", 0, True, True), "json")
    assert caught.value.known == STREAM_FORMATS == ("msgpack", "protobuf")
