"""Content codings: each message whole after its flush, bounded unfolding, broken data."""

from __future__ import annotations

import gzip
import random

import pytest

from codec_transport.errors import LimitExceededError, LocalProtocolError, RemoteProtocolError
from codec_transport.wire.codings import AVAILABLE_CODINGS, BodyDecoder, body_coder

RANDOM = random.Random(7)
MESSAGES = [[b"header"], [b"prefix", bytes(5000), b"suffix"], [RANDOM.randbytes(3000)]]


@pytest.mark.parametrize("coding", ["identity", *AVAILABLE_CODINGS])
def test_every_message_can_be_decoded_as_soon_as_it_was_written(coding):
    coder, decoder = body_coder(coding), BodyDecoder(coding, max_bytes=20_000)
    for message in MESSAGES:
        assert decoder.feed(b"".join(coder.message(message))) == b"".join(message)
    assert decoder.feed(b"".join(coder.finish())) == b""
    decoder.end()


def test_gzip_body_is_what_any_gzip_reader_takes():
    coder = body_coder("gzip")
    body = b"".join(b"".join(coder.message(message)) for message in MESSAGES) + b"".join(coder.finish())
    assert gzip.decompress(body) == b"".join(b"".join(message) for message in MESSAGES)
    assert len(body) < 4000


def test_identity_passes_the_same_buffers_on():
    payload = memoryview(b"payload")
    assert body_coder("identity").message([payload])[0] is payload


def test_body_that_unfolds_beyond_the_limit_is_refused_without_unfolding_it_all():
    bomb = gzip.compress(bytes(50_000_000))
    decoder = BodyDecoder("gzip", max_bytes=1000)
    with pytest.raises(LimitExceededError) as caught:
        decoder.feed(bomb)
    assert caught.value.claimed == 1001


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_limit_counts_the_whole_body(coding):
    coder, decoder = body_coder(coding), BodyDecoder(coding, max_bytes=1500)
    decoder.feed(b"".join(coder.message([bytes(1000)])))
    with pytest.raises(LimitExceededError):
        decoder.feed(b"".join(coder.message([bytes(1000)])))


def test_broken_truncated_and_trailing_gzip_data_are_remote_faults():
    good = gzip.compress(b"content")
    with pytest.raises(RemoteProtocolError):
        BodyDecoder("gzip", max_bytes=100).feed(b"not gzip at all")
    truncated = BodyDecoder("gzip", max_bytes=100)
    truncated.feed(good[:-4])
    with pytest.raises(RemoteProtocolError):
        truncated.end()
    with pytest.raises(RemoteProtocolError):
        BodyDecoder("gzip", max_bytes=100).feed(good + b"x")
    ended = BodyDecoder("gzip", max_bytes=100)
    ended.feed(good)
    with pytest.raises(RemoteProtocolError):
        ended.feed(b"x")


def test_coding_that_is_not_built_in_is_named():
    with pytest.raises(LocalProtocolError, match="zstd"):
        body_coder("zstd")
    with pytest.raises(RemoteProtocolError, match="zstd"):
        BodyDecoder("zstd", max_bytes=10)
