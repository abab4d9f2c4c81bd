"""numpy and torch give the same bytes, and both what the rules say, value by value."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec_transport.errors import LatentInputError
from codec_transport.pipelines.arithmetic import StreamShape, check_latent
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.pipelines.numpy_arithmetic import widen_fp16
from codec_transport.pipelines.torch_arithmetic import joined_on_device, split_on_host
from codec_transport.wire.layouts import PIPELINE_LAYOUTS

SCALED = ["int8", "int4", "int8-adaptive", "int4-adaptive"]
DELTAS = ["delta+int8", "delta+int4"]


def fp16(number: float) -> float:
    """Rounded to fp16, to nearest even, finite numbers beyond it to the largest."""
    return struct.unpack("<e", struct.pack("<e", max(-65504.0, min(65504.0, number))))[0]


def expected_integers(channel, scale: float, levels: int) -> list[int]:
    """The rules with one number at a time: divide, multiply, round half to even, clamp."""
    if scale == 0:
        return [0] * len(channel)
    integers = []
    for number in channel:
        scaled = np.float32(np.float32(number) / np.float32(scale)) * np.float32(levels)
        integers.append(max(-levels, min(levels, round(float(scaled)))))
    return integers


def expected_payload(latent: np.ndarray, pipeline: str, dtype: str, static: list[float]) -> bytes:
    """A keyframe's payload for finite fp32 input, without any array arithmetic."""
    levels = PIPELINE_LAYOUTS[pipeline].levels
    channels = [[float(number) for number in channel.reshape(-1)] for channel in latent]
    if dtype == "fp16":
        channels = [[fp16(number) for number in channel] for channel in channels]
    adaptive = [fp16(max(abs(number) for number in channel)) for channel in channels]
    scales = static or adaptive
    integers = [
        integer
        for channel, scale in zip(channels, scales, strict=True)
        for integer in expected_integers(channel, scale, levels)
    ]
    block = b"" if static else struct.pack(f"<{len(scales)}e", *scales)
    if levels == 127:
        return block + struct.pack(f"{len(integers)}b", *integers)
    integers += [0] * (len(integers) % 2)
    nibbles = [integer & 15 for integer in integers]
    return block + bytes(low | high << 4 for low, high in zip(nibbles[0::2], nibbles[1::2], strict=True))


def latents(max_magnitude: float):
    shapes = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5)
    numbers = st.floats(-max_magnitude, max_magnitude, width=32)
    return shapes.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=numbers))


@settings(deadline=None, max_examples=150)
@given(latent=latents(70000.0), pipeline=st.sampled_from(SCALED), dtype=st.sampled_from(["fp16", "fp32"]))
def test_keyframes_follow_the_rules_in_both_libraries(latent, pipeline, dtype):
    static = [0.75 * (i + 1) for i in range(len(latent))] if pipeline in ("int8", "int4") else []
    expected = expected_payload(latent, pipeline, dtype, static)
    for given_latent in (latent, torch.from_numpy(latent.copy())):
        encoder = LatentStreamEncoder("a", latent.shape, dtype, pipeline, static_scales=static or None)
        assert bytes(encoder.encode(given_latent, keyframe=True).data) == expected


@settings(deadline=None, max_examples=100)
@given(data=st.data(), pipeline=st.sampled_from(DELTAS), dtype=st.sampled_from(["fp16", "fp32"]))
def test_residuals_are_the_clamped_difference_of_integers(data, pipeline, dtype):
    key = data.draw(latents(100.0))
    frame = data.draw(hnp.arrays(np.float32, key.shape, elements=st.floats(-200, 200, width=32)))
    levels = PIPELINE_LAYOUTS[pipeline].levels
    scales = [fp16(max(abs(fp16(n) if dtype == "fp16" else float(n)) for n in c.reshape(-1))) for c in key]
    expected, is_clamped = [], False
    for key_channel, channel, scale in zip(key, frame, scales, strict=True):
        key_numbers, numbers = (
            [fp16(float(n)) if dtype == "fp16" else float(n) for n in values.reshape(-1)]
            for values in (key_channel, channel)
        )
        for before, after in zip(
            expected_integers(key_numbers, scale, levels),
            expected_integers(numbers, scale, levels),
            strict=True,
        ):
            is_clamped = is_clamped or abs(after - before) > levels
            expected.append(max(-levels, min(levels, after - before)))
    if levels == 127:
        payload = struct.pack(f"{len(expected)}b", *expected)
    else:
        expected += [0] * (len(expected) % 2)
        payload = bytes(a & 15 | (b & 15) << 4 for a, b in zip(expected[0::2], expected[1::2], strict=True))
    for as_given in (np.asarray, torch.from_numpy):
        encoder = LatentStreamEncoder("a", key.shape, dtype, pipeline)
        encoder.encode(as_given(key.copy()), keyframe=True)
        encoded = encoder.encode(as_given(frame.copy()), keyframe=False)
        assert bytes(encoded.data) == payload
        assert encoded.has_clamped_residuals == is_clamped


@pytest.mark.parametrize("pipeline", [*SCALED, *DELTAS, "raw"])
@pytest.mark.parametrize("source", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_is_cast_first(pipeline, source):
    torch.manual_seed(3)
    tensor = (torch.randn(3, 6, 7) * 3).to(source)
    static = [9.0, 10.0, 11.0] if pipeline in ("int8", "int4") else None
    cast = tensor.to(torch.float32).to(torch.float16)

    def payload(latent):
        encoder = LatentStreamEncoder("a", (3, 6, 7), "fp16", pipeline, static_scales=static)
        return bytes(encoder.encode(latent, keyframe=True).data)

    expected = payload(cast.numpy())
    assert payload(tensor) == expected
    assert payload(cast) == expected
    if source != torch.bfloat16:
        assert payload(tensor.numpy()) == expected
        assert payload(tensor.numpy().astype(tensor.numpy().dtype.newbyteorder(">"))) == expected


@pytest.mark.parametrize("pipeline", [*SCALED, *DELTAS, "raw"])
def test_strides_and_gradients_do_not_matter(pipeline):
    torch.manual_seed(4)
    plain = torch.randn(4, 6, 8)
    twisted = plain.permute(2, 0, 1).contiguous().permute(1, 2, 0).requires_grad_()
    static = [4.5] * 4 if pipeline in ("int8", "int4") else None

    def payload(latent):
        encoder = LatentStreamEncoder("a", (4, 6, 8), "fp16", pipeline, static_scales=static)
        return bytes(encoder.encode(latent, keyframe=True).data)

    assert payload(twisted) == payload(plain) == payload(twisted.detach().numpy())


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("pipeline", ["raw", "int8-adaptive", "delta+int8"])
@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
def test_callers_latent_is_neither_changed_nor_aliased(library, pipeline, dtype):
    code = np.float16 if dtype == "fp16" else np.float32
    latent = np.random.default_rng(1).standard_normal((2, 4, 4)).astype(code)
    given_latent = latent.copy() if library == "numpy" else torch.from_numpy(latent.copy())
    encoder = LatentStreamEncoder("a", (2, 4, 4), dtype, pipeline)
    encoded = encoder.encode(given_latent, keyframe=True)
    before = bytes(encoded.data)
    assert np.array_equal(np.asarray(given_latent), latent)
    given_latent += 1
    assert bytes(encoded.data) == before


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_payload_of_an_earlier_frame_stays_valid(library):
    rng = np.random.default_rng(2)
    frames = [rng.standard_normal((2, 4, 4)).astype(np.float32) for _ in range(3)]
    encoder = LatentStreamEncoder("a", (2, 4, 4), "fp16", "delta+int8")
    give = np.asarray if library == "numpy" else torch.from_numpy
    payloads = [encoder.encode(give(frame), keyframe=i == 0).data for i, frame in enumerate(frames)]
    kept = [bytes(payload) for payload in payloads]
    encoder.encode(give(frames[0]), keyframe=True)
    assert [bytes(payload) for payload in payloads] == kept


def test_keyframe_and_residual_may_come_from_different_libraries():
    rng = np.random.default_rng(5)
    key, frame = (rng.standard_normal((2, 3, 3)).astype(np.float32) for _ in range(2))
    payloads = set()
    for give_key in (np.asarray, torch.from_numpy):
        for give_frame in (np.asarray, torch.from_numpy):
            encoder = LatentStreamEncoder("a", (2, 3, 3), "fp16", "delta+int4")
            encoder.encode(give_key(key), keyframe=True)
            payloads.add(bytes(encoder.encode(give_frame(frame), keyframe=False).data))
    assert len(payloads) == 1


@pytest.mark.parametrize(
    ("latent", "problem"),
    [
        ([[1.0]], "latent type"),
        (np.zeros((2, 3, 4), np.float32), "latent shape"),
        (torch.zeros(1, 2, 3, 3), "latent shape"),
        (np.zeros((2, 3, 3), np.int32), "latent dtype"),
        (np.zeros((2, 3, 3), np.complex64), "latent dtype"),
        (torch.zeros(2, 3, 3, dtype=torch.int8), "latent dtype"),
    ],
)
def test_what_is_no_latent_of_the_stream_is_refused(latent, problem):
    with pytest.raises(LatentInputError) as caught:
        check_latent(latent, StreamShape((2, 3, 3), "fp16", PIPELINE_LAYOUTS["raw"]))
    assert caught.value.problem == problem


def test_largest_number_of_each_dtype():
    assert StreamShape((1,), "fp16", PIPELINE_LAYOUTS["raw"]).largest == 65504.0
    assert StreamShape((1,), "fp32", PIPELINE_LAYOUTS["raw"]).largest == (2 - 2**-23) * 2.0**127


def test_every_fp16_number_widens_to_itself():
    numbers = np.arange(2**16, dtype=np.uint16).view(np.float16)
    is_finite = np.isfinite(numbers)
    widened = np.empty(2**16, np.float32)
    widen_fp16(numbers, widened)
    expected = numbers[is_finite].astype(np.float32)
    assert np.array_equal(widened[is_finite].view(np.uint32), expected.view(np.uint32))
    assert (np.abs(widened[~is_finite]) >= 65536).all()


def test_what_comes_from_an_accelerator_is_one_run_of_bytes():
    payload = torch.arange(7, dtype=torch.uint8)
    maxima = torch.tensor([1.5, float("inf"), -0.0])
    for flag in (None, torch.tensor(False), torch.tensor(True)):
        joined = joined_on_device(payload, maxima, flag)
        host = split_on_host(joined.numpy(), 7)
        assert bytes(host.data) == bytes(range(7))
        assert host.maxima.tolist() == [1.5, float("inf"), -0.0]
        assert host.is_clamped == bool(flag)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("pipeline", [*SCALED, *DELTAS, "raw"])
def test_accelerator_gives_the_bytes_of_the_cpu(pipeline):
    torch.manual_seed(6)
    frames = [torch.randn(4, 33, 17) * 2 for _ in range(3)]
    static = [4.5] * 4 if pipeline in ("int8", "int4") else None

    def payloads(device):
        encoder = LatentStreamEncoder("a", (4, 33, 17), "fp16", pipeline, static_scales=static)
        return [
            bytes(encoder.encode(frame.to(device), keyframe=i == 0 or "delta" not in pipeline).data)
            for i, frame in enumerate(frames)
        ]

    assert payloads("cuda") == payloads("cpu")
