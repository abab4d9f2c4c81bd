"""The short way on the CPU gives the bytes of the general torch way and of numpy, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec_transport.pipelines.arithmetic import StreamShape
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.torch_arithmetic import TorchArithmetic
from codec_transport.pipelines.torch_cpu import CpuTorchArithmetic
from codec_transport.wire.layouts import PIPELINE_LAYOUTS

SHAPE = (5, 7, 9)
SCALED = ["int8", "int4", "int8-adaptive", "int4-adaptive", "delta+int8", "delta+int4"]
DELTAS = ["delta+int8", "delta+int4"]


def clip(num_frames, seed, spread=1.0):
    """Frames whose channels differ in size by powers of two, with ties, zeros and jumps among them."""
    random = np.random.default_rng(seed)
    sizes = 2.0 ** random.integers(-14, 8, (SHAPE[0], 1, 1))
    frames = []
    for _ in range(num_frames):
        frame = random.standard_normal(SHAPE) * sizes * spread
        frame[0] = np.round(frame[0] / sizes[0] * 4) / 4 * sizes[0]
        frames.append(frame.astype(np.float16))
    frames[0][1] = 0
    # a scale whose significand 127 and 7 divide, which takes the division
    frames[0][2] = np.clip(frames[0][2], -1270 * 2.0**-12, 1270 * 2.0**-12)
    frames[0][2].flat[3] = 1270 * 2.0**-12
    return frames


def stream_of(pipeline):
    return StreamShape(SHAPE, "fp16", PIPELINE_LAYOUTS[pipeline])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pipeline", SCALED)
def test_short_and_general_way_agree(pipeline, seed):
    short, general = CpuTorchArithmetic(stream_of(pipeline)), TorchArithmetic(stream_of(pipeline))
    static = np.full(SHAPE[0], 1.5, np.float16) if pipeline in ("int8", "int4") else None
    frames = [torch.from_numpy(frame) for frame in clip(4, seed)]
    keyframe = None
    for i, frame in enumerate(frames):
        if i and pipeline in DELTAS:
            found = short.residual(frame, keyframe[0], saturate=False)
            wanted = general.residual(frame, keyframe[1], saturate=False)
        else:
            found = short.quantised(frame, static, saturate=False)
            wanted = general.quantised(frame, static, saturate=False)
            keyframe = found.keyframe, wanted.keyframe
        assert bytes(found.data) == bytes(wanted.data)
        assert found.is_finite == wanted.is_finite
        assert found.has_clamped_residuals == wanted.has_clamped_residuals


def test_differences_of_every_size_are_clamped_as_in_wider_arithmetic():
    every = np.arange(-127, 128, dtype=np.float32)
    now, then = (grid.reshape(1, -1) for grid in np.meshgrid(every, every))
    encoder = LatentStreamEncoder("a/b", now.shape, "fp16", "delta+int8")
    encoder.encode(torch.from_numpy(then), keyframe=True)
    encoded = encoder.encode(torch.from_numpy(now), keyframe=False)
    assert encoded.has_clamped_residuals
    expected = np.clip(now - then, -127, 127).astype(np.int8)
    assert bytes(encoded.data) == expected.tobytes()


@pytest.mark.parametrize(("now", "is_clamped"), [(-63.0, False), (-64.0, True), (-65.0, True)])
def test_smallest_difference_that_fits_is_minus_127(now, is_clamped):
    encoder = LatentStreamEncoder("a/b", (1, 2), "fp16", "delta+int8")
    encoder.encode(torch.tensor([[64.0, 127.0]]), keyframe=True)
    encoded = encoder.encode(torch.tensor([[now, 127.0]]), keyframe=False)
    assert encoded.has_clamped_residuals is is_clamped
    assert np.frombuffer(encoded.data, np.int8)[0] == -127


@pytest.mark.parametrize("pipeline", DELTAS)
def test_libraries_may_change_within_a_stream(pipeline):
    frames = clip(6, 9, spread=0.5)
    streams = []
    for as_tensor in ([True] * 6, [False] * 6, [True, False, True, True, False, True]):
        encoder = LatentStreamEncoder("a/b", SHAPE, "fp16", pipeline)
        streams.append(
            [
                encoder.frame(torch.from_numpy(frame) if tensor else frame, seq=i, keyframe=i in (0, 3))
                for i, (frame, tensor) in enumerate(zip(frames, as_tensor, strict=True))
            ]
        )
    assert streams[0] == streams[1] == streams[2]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("keyframe", [True, False])
def test_numbers_that_are_not_finite_are_seen(bad, keyframe):
    arithmetic = CpuTorchArithmetic(stream_of("delta+int8"))
    good = torch.ones(SHAPE, dtype=torch.float16)
    state = arithmetic.quantised(good, None, saturate=False).keyframe
    wrong = good.clone()
    wrong[4, 6, 8] = bad
    encoded = (
        arithmetic.quantised(wrong, None, saturate=False)
        if keyframe
        else arithmetic.residual(wrong, state, saturate=False)
    )
    assert not encoded.is_finite


def test_frame_that_is_not_contiguous_is_read_in_its_own_order():
    frame = torch.randn(SHAPE[1], SHAPE[0], SHAPE[2]).half()
    turned = frame.transpose(0, 1)
    for pipeline in SCALED[2:]:
        arithmetic = CpuTorchArithmetic(stream_of(pipeline))
        found = bytes(arithmetic.quantised(turned, None, saturate=False).data)
        assert found == bytes(arithmetic.quantised(turned.contiguous(), None, saturate=False).data)


def test_payload_stays_as_it_is_when_the_next_frame_is_encoded():
    arithmetic = CpuTorchArithmetic(stream_of("delta+int8"))
    frames = [torch.from_numpy(frame) for frame in clip(4, 2)]
    first = arithmetic.quantised(frames[0], None, saturate=False)
    before = bytes(first.data)
    second = arithmetic.residual(frames[1], first.keyframe, saturate=False)
    between = bytes(second.data)
    arithmetic.residual(frames[2], first.keyframe, saturate=False)
    assert (bytes(first.data), bytes(second.data)) == (before, between)
