"""Messages as maps: required keys, tolerated extras, nil."""

from __future__ import annotations

import pytest

from codec_transport.errors import RemoteProtocolError
from codec_transport.wire.mapping import frame_from_map, header_from_map, header_to_map
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader

HEADER = {"type": "header", "latent_space_id": "a", "shape": [2, 2], "dtype": "fp16", "pipeline": "raw"}
FRAME = {"data": b"x", "seq": 0, "keyframe": True, "done": True, "finish_reason": "ok"}


def test_header_round_trip_keeps_the_reference_order():
    header = LatentStreamHeader("a", (2, 2), "fp16", "int8", b"\x00\x3c\x00\x3c", 24, 3, 0.5)
    mapping = header_to_map(header)
    assert list(mapping) == [
        "type", "latent_space_id", "shape", "dtype", "pipeline", "scales", "fps", "total_frames",
        "vae_scale_factor",
    ]  # fmt: skip
    assert header_from_map(mapping) == header


def test_unknown_keys_missing_type_and_nil_options_are_tolerated():
    tolerated = {**HEADER, "profile": "later", "fps": None}
    del tolerated["type"]
    assert header_from_map(tolerated) == header_from_map(HEADER)
    assert frame_from_map({**FRAME, "tokens": [1], "finish_reason": None}) == LatentFrame(b"x", 0, True, True)


@pytest.mark.parametrize("key", ["latent_space_id", "shape", "dtype", "pipeline"])
def test_missing_header_key_is_named(key):
    with pytest.raises(RemoteProtocolError) as caught:
        header_from_map({name: value for name, value in HEADER.items() if name != key})
    assert caught.value.field == key


@pytest.mark.parametrize("key", ["data", "seq", "keyframe", "done"])
def test_missing_frame_key_is_named(key):
    with pytest.raises(RemoteProtocolError) as caught:
        frame_from_map({name: value for name, value in FRAME.items() if name != key})
    assert caught.value.field == key


@pytest.mark.parametrize("kind", ["frame", "", 1, None])
def test_another_type_than_header_is_refused(kind):
    with pytest.raises(RemoteProtocolError) as caught:
        header_from_map({**HEADER, "type": kind})
    assert caught.value.field == "type"


def test_second_header_is_refused_in_place_of_a_frame():
    with pytest.raises(RemoteProtocolError, match="second header"):
        frame_from_map({**FRAME, "type": "header"})


def test_value_of_the_wrong_kind_is_a_remote_fault():
    with pytest.raises(RemoteProtocolError) as caught:
        frame_from_map({**FRAME, "data": "text"})
    assert caught.value.field == "data"
