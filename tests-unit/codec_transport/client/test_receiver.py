"""A response without a network: headers, chunks, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from codec_transport.client.receiver import LatentReceiver, refusal
from codec_transport.client.requests import Understanding
from codec_transport.errors import LimitExceededError, RemoteProtocolError, StreamFailedError
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.stream import LatentStreamWriter
from codec_transport.wire.codings import body_coder

HASH = "sha256:" + "0" * 64
FRAMES = [np.full((2, 3, 3), value, np.float32) for value in (1.0, 2.0, 3.0)]


def body_of(stream_format="msgpack", coding="identity", *, fails=False) -> bytes:
    writer = LatentStreamWriter(
        LatentStreamEncoder("a", (2, 3, 3), "fp16", "raw", stream_format=stream_format)
    )
    messages = [writer.header(), writer.frame(FRAMES[0], last=False)]
    if fails:
        messages.append(writer.fail())
    else:
        messages += [writer.frame(FRAMES[1], last=False), writer.frame(FRAMES[2], last=True)]
    coder = body_coder(coding)
    coded = [buffer for message in messages for buffer in coder.message(message)]
    return b"".join([*coded, *coder.finish()])


def headers_for(media_type="application/x-msgpack", **more):
    return {"Content-Type": media_type, **{name.replace("_", "-"): value for name, value in more.items()}}


@pytest.mark.parametrize("chunk_bytes", [1, 7, 10_000])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("media_type", "stream_format"),
    [
        ("application/x-msgpack", "msgpack"),
        ("application/x-codec-msgpack", "msgpack"),
        ("application/x-protobuf", "protobuf"),
        ("Application/X-Codec-Protobuf; charset=binary", "protobuf"),
    ],
)
def test_latents_come_out_in_order(media_type, stream_format, coding, chunk_bytes):
    receiver = LatentReceiver(headers_for(media_type, Content_Encoding=coding))
    body = body_of(stream_format, coding)
    latents = []
    for start in range(0, len(body), chunk_bytes):
        latents += receiver.feed(body[start : start + chunk_bytes])
    receiver.end()
    assert np.array_equal(np.stack(latents), np.stack(FRAMES))
    assert receiver.header.shape == (2, 3, 3)


def test_first_latent_is_there_before_the_second_was_sent():
    receiver = LatentReceiver(headers_for())
    body = body_of()
    half = len(body) // 2
    assert len(list(receiver.feed(body[:half]))) >= 1


@pytest.mark.parametrize("media_type", ["application/json", "text/html", ""])
def test_other_content_types_are_refused(media_type):
    with pytest.raises(RemoteProtocolError) as caught:
        LatentReceiver(headers_for(media_type))
    assert caught.value.field == "Content-Type"


def test_coding_that_cannot_be_undone_is_refused():
    with pytest.raises(RemoteProtocolError, match="zstd"):
        LatentReceiver(headers_for(Content_Encoding="zstd"))


def test_response_of_another_map_is_refused():
    LatentReceiver(
        headers_for(Codec_Latent_Map=HASH), Understanding(HASH.upper().replace("SHA256", "sha256"))
    )
    LatentReceiver(headers_for(), Understanding(HASH))
    with pytest.raises(RemoteProtocolError) as caught:
        LatentReceiver(headers_for(Codec_Latent_Map="sha256:" + "1" * 64), Understanding(HASH))
    assert caught.value.field == "Codec-Latent-Map"


def test_failure_of_the_server_is_told_after_the_good_frames():
    receiver = LatentReceiver(headers_for())
    latents = receiver.feed(body_of(fails=True))
    assert np.array_equal(next(latents), FRAMES[0])
    with pytest.raises(StreamFailedError):
        next(latents)


def test_body_that_breaks_off_is_refused():
    receiver = LatentReceiver(headers_for())
    list(receiver.feed(body_of()[:-1]))
    with pytest.raises(RemoteProtocolError):
        receiver.end()


def test_body_over_the_budget_is_refused():
    receiver = LatentReceiver(headers_for(Content_Encoding="gzip"), Understanding(max_body_bytes=100))
    with pytest.raises(LimitExceededError):
        list(receiver.feed(body_of(coding="gzip")))


@pytest.mark.parametrize(
    ("body", "message", "code", "param"),
    [
        (
            {"error": {"message": "no", "code": "invalid_size", "param": "size"}},
            "'no'",
            "invalid_size",
            "size",
        ),
        ({"error": "codec_version_required"}, "no reason", "codec_version_required", None),
        ({"error": {"message": 5, "code": 5}}, "5", None, None),
        ({"detail": "x"}, "no reason", None, None),
        ([], "no reason", None, None),
    ],
)
def test_refusal_is_read_from_whatever_json_came(body, message, code, param):
    error = refusal(400, json.dumps(body).encode())
    assert message in str(error)
    assert (error.status, error.code, error.param) == (400, code, param)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 50_000])
def test_refusal_without_json_still_has_its_status(body):
    assert refusal(502, body).status == 502
