"""Content codings: each message whole after its flush, bounded unfolding, broken data."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import brotli
import pytest
import zstandard

from codec_transport.errors import LimitExceededError, LocalProtocolError, RemoteProtocolError
from codec_transport.wire.codings import (
    AVAILABLE_CODINGS,
    IDENTITY,
    KNOWN_CODINGS,
    BodyDecoder,
    body_coder,
    codings_at_hand,
)
from codec_transport.wire.unfolding import ZSTD_SLICE

DATA = Path(__file__).parents[2] / "data" / "vectors" / "codec" / "compressed"
DICTIONARY = (DATA / "sd-vae-ft-mse-msgpack-int8-v1.dict").read_bytes()
OTHER_DICTIONARY = (DATA / "sd-vae-ft-mse-msgpack-delta-int8-v1.dict").read_bytes()
RANDOM = random.Random(7)
MESSAGES = [[b"header"], [b"prefix", bytes(5000), b"suffix"], [RANDOM.randbytes(3000)]]
ALL = [IDENTITY, *KNOWN_CODINGS]
CODED = list(KNOWN_CODINGS)


def dictionary_for(coding):
    return DICTIONARY if coding == "zstd" else None


def pair(coding, max_bytes):
    dictionary = dictionary_for(coding)
    return body_coder(coding, dictionary=dictionary), BodyDecoder(
        coding, max_bytes=max_bytes, dictionary=dictionary
    )


def coded_body(coding, content) -> bytes:
    coder = body_coder(coding, dictionary=dictionary_for(coding))
    return b"".join([*coder.message([content]), *coder.finish()])


def test_every_documented_coding_is_built_in():
    assert KNOWN_CODINGS == ("zstd", "br", "gzip")


def test_zstd_is_at_hand_only_with_a_dictionary():
    assert codings_at_hand(has_dictionary=True) == ("zstd", "br", "gzip")
    assert codings_at_hand(has_dictionary=False) == AVAILABLE_CODINGS == ("br", "gzip")
    with pytest.raises(LocalProtocolError, match="dictionary"):
        body_coder("zstd")
    with pytest.raises(RemoteProtocolError, match="dictionary"):
        BodyDecoder("zstd", max_bytes=10)


@pytest.mark.parametrize("coding", ALL)
def test_every_message_can_be_decoded_as_soon_as_it_was_written(coding):
    coder, decoder = pair(coding, 20_000)
    for message in MESSAGES:
        assert decoder.feed(b"".join(coder.message(message))) == b"".join(message)
    assert decoder.feed(b"".join(coder.finish())) == b""
    decoder.end()


@pytest.mark.parametrize("coding", ALL)
def test_body_may_come_byte_by_byte(coding):
    body = coded_body(coding, b"some content " * 20)
    _, decoder = pair(coding, 1000)
    assert b"".join(decoder.feed(body[i : i + 1]) for i in range(len(body))) == b"some content " * 20
    decoder.end()


def test_bodies_are_what_any_other_reader_takes():
    content = b"".join(b"".join(message) for message in MESSAGES)
    assert gzip.decompress(coded_body("gzip", content)) == content
    assert brotli.decompress(coded_body("br", content)) == content
    reader = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(DICTIONARY))
    assert reader.decompressobj().decompress(coded_body("zstd", content)) == content
    assert all(len(coded_body(coding, content)) < 4000 for coding in CODED)


def test_zstd_frame_names_its_dictionary_and_no_content_size():
    parameters = zstandard.get_frame_parameters(coded_body("zstd", bytes(100)))
    assert parameters.dict_id == zstandard.ZstdCompressionDict(DICTIONARY).dict_id()
    assert parameters.content_size == zstandard.CONTENTSIZE_UNKNOWN
    assert parameters.window_size <= 8 * 1024 * 1024


def test_identity_passes_the_same_buffers_on():
    payload = memoryview(b"payload")
    assert body_coder("identity").message([payload])[0] is payload


@pytest.mark.parametrize("coding", CODED)
def test_body_that_unfolds_beyond_the_limit_is_refused_without_unfolding_it_all(coding):
    bomb = coded_body(coding, bytes(50_000_000))
    _, decoder = pair(coding, 1000)
    with pytest.raises(LimitExceededError) as caught:
        decoder.feed(bomb)
    # brotli's package writes blocks of 32 KiB; zstd looks at the room after each slice of its input
    beyond = {"gzip": 1, "br": 32 * 1024, "zstd": ZSTD_SLICE // 4 * 128 * 1024}[coding]
    assert caught.value.claimed <= 1000 + beyond


@pytest.mark.parametrize("coding", ALL)
def test_limit_counts_the_whole_body(coding):
    coder, decoder = pair(coding, 1500)
    decoder.feed(b"".join(coder.message([bytes(1000)])))
    with pytest.raises(LimitExceededError):
        decoder.feed(b"".join(coder.message([bytes(1000)])))


@pytest.mark.parametrize("coding", CODED)
def test_broken_truncated_and_trailing_data_are_remote_faults(coding):
    good = coded_body(coding, b"content")

    def decoder():
        return pair(coding, 100)[1]

    with pytest.raises(RemoteProtocolError):
        decoder().feed(b"\xff\xffnot coded at all")
    truncated = decoder()
    truncated.feed(good[:-1])
    with pytest.raises(RemoteProtocolError, match="ends inside"):
        truncated.end()
    with pytest.raises(RemoteProtocolError):
        decoder().feed(good + b"x")
    ended = decoder()
    ended.feed(good)
    with pytest.raises(RemoteProtocolError, match="behind the end"):
        ended.feed(b"x")


def test_wrong_dictionary_is_fatal():
    body = coded_body("zstd", bytes(RANDOM.randbytes(500)))
    with pytest.raises(RemoteProtocolError, match="dictionary"):
        BodyDecoder("zstd", max_bytes=1000, dictionary=OTHER_DICTIONARY).feed(body)


def test_bytes_that_are_no_dictionary_are_the_callers_fault():
    with pytest.raises(LocalProtocolError, match="dictionary"):
        body_coder("zstd", dictionary=b"plain text")
    with pytest.raises(LocalProtocolError, match="dictionary"):
        BodyDecoder("zstd", max_bytes=10, dictionary=b"plain text")


def test_window_beyond_what_browsers_take_is_refused():
    parameters = zstandard.ZstdCompressionParameters(window_log=24, compression_level=3)
    compressor = zstandard.ZstdCompressor(
        dict_data=zstandard.ZstdCompressionDict(DICTIONARY), compression_params=parameters
    ).compressobj()
    body = compressor.compress(bytes(1000)) + compressor.flush()
    with pytest.raises(RemoteProtocolError):
        BodyDecoder("zstd", max_bytes=2000, dictionary=DICTIONARY).feed(body)


def test_coding_that_is_not_built_in_is_named():
    with pytest.raises(LocalProtocolError, match="compress"):
        body_coder("compress")
    with pytest.raises(RemoteProtocolError, match="compress"):
        BodyDecoder("compress", max_bytes=10)
