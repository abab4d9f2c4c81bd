"""The pipeline function: worked example, what it refuses, numbers that are not finite or too large."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec_transport.errors import (
    LatentInputError,
    MessageFieldError,
    NonFiniteLatentError,
    UnknownStreamFormatError,
)
from codec_transport.pipelines.decoder import LatentStreamDecoder
from codec_transport.pipelines.encoder import LatentStreamEncoder, scales_block
from codec_transport.wire.decoder import decode_latent_frame_msgpack
from codec_transport.wire.layouts import PIPELINES

WORKED = np.array([[[1, -2], [3, 0.5]], [[-0.5, 0.25], [-0.125, 0.0625]]], np.float32)
LIBRARIES = [np.asarray, torch.from_numpy]


def encoder_for(pipeline, shape=(2, 2, 2), dtype="fp16", **options) -> LatentStreamEncoder:
    if pipeline in ("int8", "int4"):
        options.setdefault("static_scales", [4.0] * shape[0])
    return LatentStreamEncoder("test/space", shape, dtype, pipeline, **options)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("pipeline", "payload"),
    [
        ("raw", "003c00c000420038" "00b8003400b0002c"),
        ("int8", "2aab7f15" "8140e010"),
        ("int4", "b217491e"),
        ("int8-adaptive", "00420038" "2aab7f15" "8140e010"),
        ("int4-adaptive", "00420038" "b217491e"),
        ("delta+int8", "00420038" "2aab7f15" "8140e010"),
    ],
)  # fmt: skip
def test_worked_example(pipeline, payload, library):
    static = bytes.fromhex("00420038") if pipeline in ("int8", "int4") else None
    encoder = LatentStreamEncoder("test/space", (2, 2, 2), "fp16", pipeline, static_scales=static)
    assert bytes(encoder.encode(library(WORKED), keyframe=True).data).hex() == payload


@pytest.mark.parametrize("stream_format", ["msgpack", "protobuf"])
def test_image_stream_has_the_published_size(stream_format):
    encoder = LatentStreamEncoder(
        "stabilityai/sd-vae-ft-mse",
        (4, 64, 64),
        "fp16",
        "int8",
        stream_format=stream_format,
        static_scales=[4.5] * 4,
        total_frames=1,
    )
    header = encoder.header()
    frame = encoder.frame(
        np.zeros((4, 64, 64), np.float16), seq=0, keyframe=True, done=True, finish_reason="ok"
    )
    sizes = {"msgpack": (121, 16384 + 47), "protobuf": (60, 16384 + 18)}[stream_format]
    assert (len(header), len(frame)) == sizes


def test_static_scales_may_be_numbers_or_the_block():
    block = scales_block([4.5, 3.0])
    assert block == bytes.fromhex("80440042")
    assert scales_block(block) is block
    assert scales_block(np.array([4.5, 3.0])) == block
    for given in (block, [4.5, 3.0]):
        assert encoder_for("int8", static_scales=given).header_message.scales == block


@pytest.mark.parametrize(
    "scales", [[-1.0, 1.0], [np.nan, 1.0], [np.inf, 1.0], [65505.0, 1.0], [1.0], b"\0\0\0"]
)
def test_static_scales_that_no_header_can_hold_are_refused(scales):
    with pytest.raises(MessageFieldError) as caught:
        encoder_for("int8", static_scales=scales)
    assert caught.value.field == "scales"


def test_static_scales_are_refused_where_nothing_would_use_them():
    with pytest.raises(MessageFieldError):
        encoder_for("raw", static_scales=[1.0, 1.0])


@pytest.mark.parametrize("dtype", ["bf16", "int8", "int4", "fp64"])
def test_dtype_that_clients_misread_is_never_written(dtype):
    with pytest.raises(MessageFieldError) as caught:
        LatentStreamEncoder("a", (1,), dtype, "raw")
    assert caught.value.field == "dtype"


def test_unknown_stream_format_is_refused():
    with pytest.raises(UnknownStreamFormatError):
        encoder_for("raw", stream_format="json")


def test_keyframe_flag_is_obeyed_and_checked():
    delta = encoder_for("delta+int8")
    with pytest.raises(LatentInputError, match="keyframe"):
        delta.frame(WORKED, seq=0, keyframe=False)
    key = delta.frame(WORKED, seq=0, keyframe=True)
    residual = delta.frame(WORKED, seq=1, keyframe=False)
    assert len(residual) == len(key) - 4
    assert bytes(decode_latent_frame_msgpack(residual).data) == bytes(8)
    with pytest.raises(LatentInputError, match="keyframe"):
        encoder_for("int8-adaptive").frame(WORKED, seq=1, keyframe=False)


def test_seq_must_grow():
    encoder = encoder_for("raw")
    encoder.frame(WORKED, seq=5, keyframe=True)
    for seq in (5, 4, -1):
        with pytest.raises(LatentInputError) as caught:
            encoder.frame(WORKED, seq=seq, keyframe=True)
        assert caught.value.problem == "seq"
    encoder.frame(WORKED, seq=7, keyframe=True)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
def test_nan_and_infinity_are_refused_with_their_channel(pipeline, bad, dtype, library):
    latent = WORKED.copy()
    latent[1, 0, 1] = bad
    encoder = encoder_for(pipeline, dtype=dtype)
    with pytest.raises(NonFiniteLatentError) as caught:
        encoder.encode(library(latent), keyframe=True)
    assert caught.value.channels == (1,)


@pytest.mark.parametrize("library", LIBRARIES)
def test_bad_residual_frame_leaves_the_stream_usable(library):
    encoder = encoder_for("delta+int8")
    encoder.encode(library(WORKED), keyframe=True)
    with pytest.raises(NonFiniteLatentError):
        encoder.encode(library(np.full_like(WORKED, np.nan)), keyframe=False)
    with pytest.raises(NonFiniteLatentError):
        encoder.encode(library(np.full_like(WORKED, np.nan)), keyframe=True)
    assert bytes(encoder.encode(library(WORKED), keyframe=False).data) == bytes(8)


def decoded(encoder, latent):
    frame = encoder.frame(latent, seq=0, keyframe=True, done=True)
    return LatentStreamDecoder(encoder.header_message).decode_frame(decode_latent_frame_msgpack(frame))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
@pytest.mark.parametrize("pipeline", ["raw", "int8-adaptive", "int4-adaptive", "delta+int8"])
@pytest.mark.parametrize("huge", [65520.0, 1e6, 3e38])
def test_finite_numbers_beyond_fp16_saturate(pipeline, dtype, huge, library):
    latent = np.array([[[huge, -huge]], [[1.0, -1.0]]], np.float32)
    values = decoded(encoder_for(pipeline, (2, 1, 2), dtype), library(latent))
    largest = np.float32(huge) if (pipeline, dtype) == ("raw", "fp32") else np.float32(65504.0)
    assert values.tolist() == [[[largest, -largest]], [[1.0, -1.0]]]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
def test_doubles_beyond_every_dtype_saturate(dtype, library):
    latent = np.array([[[1e300, -1e300]], [[1.0, -1.0]]])
    values = decoded(encoder_for("raw", (2, 1, 2), dtype), library(latent))
    largest = float(np.finfo(np.float16 if dtype == "fp16" else np.float32).max)
    assert values.tolist() == [[[largest, -largest]], [[1.0, -1.0]]]


def test_huge_bfloat16_saturates():
    latent = torch.tensor([[[1e38, -1e38]], [[1.0, -1.0]]], dtype=torch.bfloat16)
    values = decoded(encoder_for("int8-adaptive", (2, 1, 2)), latent)
    assert values.tolist() == [[[65504.0, -65504.0]], [[1.0, -1.0]]]


@pytest.mark.parametrize("library", LIBRARIES)
def test_zero_static_scale_gives_zeros(library):
    encoder = encoder_for("int8", static_scales=[0.0, 1.0])
    integers = np.frombuffer(encoder.encode(library(WORKED), keyframe=True).data, np.int8)
    assert integers[:4].tolist() == [0, 0, 0, 0]
    assert integers[4:].tolist() == [-64, 32, -16, 8]
