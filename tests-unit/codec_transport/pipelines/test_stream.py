"""The stream layer: keyframes by interval and by need, the end of a stream, its numbers."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_transport.errors import (
    LocalProtocolError,
    NonFiniteLatentError,
    StreamFailedError,
    StreamOrderError,
)
from codec_transport.pipelines.decoder import LatentStreamDecoder
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.stream import LatentStreamWriter
from codec_transport.wire.layouts import PIPELINES
from codec_transport.wire.messages import LatentFrame
from codec_transport.wire.msgpack_format import NEED_DATA
from codec_transport.wire.rules import StreamState
from codec_transport.wire.session import ReceivingSession

SHAPE = (2, 3, 3)


def writer_for(pipeline, *, interval=24, stream_format="msgpack") -> LatentStreamWriter:
    static = [4.5, 4.5] if pipeline in ("int8", "int4") else None
    encoder = LatentStreamEncoder(
        "a", SHAPE, "fp16", pipeline, stream_format=stream_format, static_scales=static
    )
    return LatentStreamWriter(encoder, keyframe_interval=interval)


def written(writer, frames) -> bytes:
    buffers = writer.header()
    for i, frame in enumerate(frames):
        buffers += writer.frame(frame, last=i == len(frames) - 1)
    return b"".join(buffers)


def received(body, stream_format="msgpack"):
    session = ReceivingSession(stream_format)
    session.receive_data(body)
    messages = []
    while (message := session.next_message()) is not NEED_DATA:
        messages.append(message)
    session.receive_end()
    return messages[0], messages[1:]


def still_frames(count) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    base = rng.standard_normal(SHAPE)
    return [(base + 0.01 * rng.standard_normal(SHAPE)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("pipeline", [name for name in PIPELINES if "delta" not in name])
def test_every_frame_outside_delta_is_a_keyframe(pipeline):
    _, frames = received(written(writer_for(pipeline, interval=2), still_frames(5)))
    assert [frame.keyframe for frame in frames] == [True] * 5


@pytest.mark.parametrize("stream_format", ["msgpack", "protobuf"])
@pytest.mark.parametrize(("interval", "keys"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (4, [0, 4]), (24, [0])])
def test_delta_keyframes_come_by_interval(interval, keys, stream_format):
    writer = writer_for("delta+int8", interval=interval, stream_format=stream_format)
    _, frames = received(written(writer, still_frames(5)), stream_format)
    assert [frame.seq for frame in frames if frame.keyframe] == keys
    assert [frame.seq for frame in frames] == [0, 1, 2, 3, 4]
    assert [(frame.done, frame.finish_reason) for frame in frames] == [(False, None)] * 4 + [(True, "ok")]
    assert writer.statistics.num_forced_keyframes == 0


def test_residual_that_would_clamp_forces_a_keyframe_and_restarts_the_interval():
    frames = still_frames(6)
    frames[2] = -frames[2]
    frames[3] = -frames[3]
    frames[4] = -frames[4]
    writer = writer_for("delta+int8", interval=3)
    body = written(writer, frames)
    assert [frame.keyframe for frame in received(body)[1]] == [True, False, True, False, False, True]
    assert writer.statistics.num_forced_keyframes == 1
    assert writer.statistics.num_keyframes == 3
    assert writer.statistics.num_frames == 6
    assert writer.statistics.num_bytes == len(body)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    gains=st.lists(st.floats(-3, 3), min_size=1, max_size=8),
    pipeline=st.sampled_from(["delta+int8", "delta+int4"]),
    interval=st.integers(1, 5),
)
def test_delta_is_exact_on_the_integer_grid(seed, gains, pipeline, interval):
    """What the receiver rebuilds is what each frame quantises to on its keyframe's scales."""
    rng = np.random.default_rng(seed)
    base = rng.standard_normal(SHAPE)
    frames = [(gain * base + 0.1 * rng.standard_normal(SHAPE)).astype(np.float32) for gain in gains]
    header, messages = received(written(writer_for(pipeline, interval=interval), frames))
    decoder = LatentStreamDecoder(header)
    block = b""
    for latent, message in zip(frames, messages, strict=True):
        if message.keyframe:
            block = bytes(message.data[:4])
        on_key_scales = LatentStreamEncoder(
            "a", SHAPE, "fp16", pipeline.removeprefix("delta+"), static_scales=block
        )
        expected = LatentStreamDecoder(on_key_scales.header_message).decode(
            LatentFrame(on_key_scales.encode(latent, keyframe=True).data, 0, True, True)
        )
        assert np.array_equal(decoder.decode(message).integers, expected.integers)


def test_image_is_one_header_and_one_frame():
    header, frames = received(written(writer_for("int8-adaptive"), [torch.randn(SHAPE)]))
    assert header.pipeline == "int8-adaptive"
    (frame,) = frames
    assert (frame.seq, frame.keyframe, frame.done, frame.finish_reason) == (0, True, True, "ok")


def test_failure_after_some_frames_is_an_error_frame_that_clients_see():
    writer = writer_for("delta+int8")
    body = b"".join([*writer.header(), *writer.frame(still_frames(1)[0], last=False)])
    with pytest.raises(NonFiniteLatentError):
        writer.frame(np.full(SHAPE, np.nan, np.float32), last=True)
    body += b"".join(writer.fail())
    assert writer.state is StreamState.FAILED
    assert writer.fail() == []
    header, frames = received(body)
    decoder = LatentStreamDecoder(header)
    decoder.decode_frame(frames[0])
    with pytest.raises(StreamFailedError):
        decoder.decode_frame(frames[1])


def test_order_is_kept():
    writer = writer_for("raw")
    with pytest.raises(StreamOrderError):
        writer.frame(still_frames(1)[0], last=True)
    with pytest.raises(StreamOrderError):
        writer.fail()
    writer.header()
    writer.frame(still_frames(1)[0], last=True)
    assert writer.fail() == []
    with pytest.raises(StreamOrderError):
        writer.frame(still_frames(1)[0], last=True)


def test_interval_below_one_is_refused():
    with pytest.raises(LocalProtocolError):
        writer_for("delta+int8", interval=0)


@pytest.mark.parametrize("pipeline", ["delta+int8", "delta+int4", "int8-adaptive"])
def test_long_stream_takes_the_memory_of_a_few_frames(pipeline):
    shape, num_frames = (16, 64, 64), 120
    frames = [np.random.default_rng(seed).standard_normal(shape).astype(np.float16) for seed in range(2)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        writer = LatentStreamWriter(LatentStreamEncoder("a/b", shape, "fp16", pipeline))
        writer.header()
        for i in range(num_frames):
            writer.frame(frames[i % 2], last=i == num_frames - 1)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak <= 4 * frames[0].nbytes + 32 * 1024  # and the small objects of a stream
