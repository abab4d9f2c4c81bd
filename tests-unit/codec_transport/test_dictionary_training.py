"""Dictionary training: the smallest good size, measured on bodies that were held out."""

from __future__ import annotations

import numpy as np
import pytest

from codec_transport.dictionary_training import coded_size, describe_body, train
from codec_transport.errors import LocalProtocolError
from codec_transport.spaces.builtin import DEMO_SPACE_ID, builtin_spaces
from codec_transport.spaces.maps_directory import with_dictionaries
from codec_transport.train_dict import body_of, captured, main
from codec_transport.wire.codings import body_coder

SPACE = {space.id: space for space in builtin_spaces()}[DEMO_SPACE_ID]


def bodies(num=60, pipeline="int8", stream_format="msgpack", frames=1):
    random = np.random.default_rng(11)
    return [
        body_of(
            SPACE,
            stream_format,
            pipeline,
            [random.standard_normal((4, 16, 16)).astype(np.float16) for _ in range(frames)],
        )
        for _ in range(num)
    ]


@pytest.mark.parametrize("stream_format", ["msgpack", "protobuf"])
def test_trained_dictionary_beats_gzip_on_small_bodies_it_has_not_seen(stream_format):
    trained = train(bodies(stream_format=stream_format), stream_format, sizes=(1024, 4096))
    assert (trained.num_bodies, trained.num_held_out) == (48, 12)
    assert trained.share < trained.gzip_share - 0.05
    assert trained.share == next(
        entry.share for entry in trained.tried if entry.size_bytes == len(trained.content)
    )


def test_smallest_size_within_a_point_of_the_best_wins():
    trained = train(bodies(), "msgpack", sizes=(512, 1024, 4096, 8192))
    best = min(entry.share for entry in trained.tried)
    smaller = [entry for entry in trained.tried if entry.size_bytes < len(trained.content)]
    assert trained.share <= best + 0.01
    assert all(entry.share > best + 0.01 for entry in smaller)


def test_training_twice_gives_the_same_dictionary():
    assert train(bodies(), "msgpack", sizes=(2048,)) == train(bodies(), "msgpack", sizes=(2048,))


@pytest.mark.parametrize("few", [[], [b"x" * 100] * 15])
def test_too_few_bodies_are_refused(few):
    with pytest.raises(LocalProtocolError, match="at least 16"):
        train(few, "msgpack")


@pytest.mark.parametrize("stream_format", ["msgpack", "protobuf"])
def test_coded_size_is_that_of_a_response_flushed_per_message(stream_format):
    (body,) = bodies(1, "delta+int8", stream_format, frames=3)
    assert coded_size(body, stream_format, body_coder("identity")) == len(body)
    still = body_of(SPACE, stream_format, "delta+int8", [np.ones((4, 16, 16), np.float16)] * 3)
    assert 0 < coded_size(still, stream_format, body_coder("gzip")) < len(still) / 10


@pytest.mark.parametrize("stream_format", ["msgpack", "protobuf"])
def test_captured_body_tells_what_it_is(stream_format):
    (body,) = bodies(1, "int8-adaptive", stream_format)
    header, found = describe_body(body)
    assert (header.latent_space_id, header.pipeline, found) == (SPACE.id, "int8-adaptive", stream_format)
    for broken in (body[:-1], b"", b"text", body[: len(body) // 2]):
        with pytest.raises(LocalProtocolError):
            describe_body(broken)


def test_command_sorts_captured_bodies_and_writes_files_that_a_server_finds(tmp_path, capsys):
    given, out = tmp_path / "bodies", tmp_path / "maps"
    given.mkdir()
    for stream_format in ("msgpack", "protobuf"):
        for i, body in enumerate(bodies(40, "int8-adaptive", stream_format)):
            (given / f"{stream_format}{i}").write_bytes(body)
    (given / "note.txt").write_text("no body")
    assert set(captured(given)) == {
        (SPACE.id, "msgpack", "int8-adaptive"),
        (SPACE.id, "protobuf", "int8-adaptive"),
    }
    assert main(["--bodies", str(given), "--output", str(out)]) == 0
    captured_text = capsys.readouterr()
    assert "note.txt" in captured_text.err
    assert "held-out" in captured_text.out
    (space,) = (entry for entry in with_dictionaries(out, [SPACE]) if entry.id == SPACE.id)
    for stream_format in ("msgpack", "protobuf"):
        assert space.dictionary_for(stream_format, "int8-adaptive") is not None


def test_command_needs_one_source(capsys):
    assert main([]) == 2
    assert main(["--bodies", "a", "--checkpoint", "b"]) == 2
    assert "--bodies" in capsys.readouterr().err


def test_command_names_a_directory_that_is_not_there(tmp_path, capsys):
    assert main(["--bodies", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
