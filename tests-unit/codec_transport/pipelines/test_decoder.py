"""From messages to latents: error bounds, odd dtypes, error frames, the end of a stream."""

from __future__ import annotations

import numpy as np
import pytest

from codec_transport.errors import RemoteProtocolError, StreamFailedError
from codec_transport.pipelines.decoder import LatentStreamDecoder
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, PIPELINES
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("shape", [(4, 8, 8), (3, 5, 7), (1, 1), (2, 3, 4, 5)])
def test_decoded_latent_is_within_half_a_step(pipeline, shape):
    latent = RNG.standard_normal(shape).astype(np.float16)
    static = [8.0] * shape[0] if pipeline in ("int8", "int4") else None
    encoder = LatentStreamEncoder("a", shape, "fp16", pipeline, static_scales=static)
    encoded = encoder.encode(latent, keyframe=True)
    frame = LatentFrame(encoded.data, 0, True, True)
    decoded = LatentStreamDecoder(encoder.header_message).decode(frame)
    assert decoded.values.dtype == np.float32 and decoded.values.shape == shape
    if pipeline == "raw":
        assert decoded.integers is None
        assert np.array_equal(decoded.values, latent.astype(np.float32))
        return
    largest = np.abs(latent.astype(np.float32)).reshape(shape[0], -1).max(axis=1)
    scales = np.full(shape[0], 8.0, np.float32) if static else largest
    step = (scales / PIPELINE_LAYOUTS[pipeline].levels).reshape(-1, *[1] * (len(shape) - 1))
    assert decoded.integers.dtype == np.int8
    # half a step, plus what three roundings in single precision add
    assert (np.abs(decoded.values - latent.astype(np.float32)) <= step * 0.50001).all()


def raw_header(dtype, num_values) -> LatentStreamHeader:
    return LatentStreamHeader("a", (1, num_values), dtype, "raw")


@pytest.mark.parametrize(
    ("dtype", "data", "values"),
    [
        ("fp16", "003c00c0", [1.0, -2.0]),
        ("bf16", "003c00c0", [1.0, -2.0]),  # the label, fp16 bits
        ("fp32", "0000803f000000c0", [1.0, -2.0]),
        ("int8", "7f80", [127.0, -128.0]),
        ("int4", "87", [7.0, -8.0]),
    ],
)
def test_raw_values_by_dtype(dtype, data, values):
    decoder = LatentStreamDecoder(raw_header(dtype, 2))
    frame = LatentFrame(bytes.fromhex(data), 0, True, True)
    assert decoder.decode_frame(frame).tolist() == [values]


def test_smallest_integers_are_decoded_as_they_are():
    header = LatentStreamHeader("a", (1, 2), "fp16", "int8", scales=b"\x00\x3c")
    values = LatentStreamDecoder(header).decode_frame(LatentFrame(b"\x80\x7f", 0, True, True))
    assert values.tolist() == [[np.float32(-128) / np.float32(127), 1.0]]


def test_value_is_product_then_quotient():
    header = LatentStreamHeader("a", (1, 3), "fp16", "int8", scales=np.array([3.3], "<f2").tobytes())
    values = LatentStreamDecoder(header).decode_frame(LatentFrame(bytes([1, 50, 99]), 0, True, True))
    scale = np.float32(np.float16(3.3))
    assert values[0].tolist() == [np.float32(q) * scale / np.float32(127) for q in (1, 50, 99)]


def delta_frame(seq, payload, keyframe, done=False) -> LatentFrame:
    return LatentFrame(payload, seq, keyframe, done)


def test_delta_adds_to_the_last_keyframe_and_saturates():
    header = LatentStreamHeader("a", (1, 2), "fp16", "delta+int8")
    decoder = LatentStreamDecoder(header)
    one = b"\x00\x3c"

    def integers(frame):
        return decoder.decode(frame).integers.tolist()

    assert integers(delta_frame(0, one + bytes([100, 156]), True)) == [[100, -100]]
    assert integers(delta_frame(1, bytes([10, 10]), False)) == [[110, -90]]
    assert integers(delta_frame(2, bytes([1, 1]), False)) == [[101, -99]]
    assert integers(delta_frame(3, bytes([127, 129]), False)) == [[127, -127]]
    assert integers(delta_frame(4, one + bytes([5, 5]), True)) == [[5, 5]]
    assert integers(delta_frame(5, bytes([1, 255]), False, done=True)) == [[6, 4]]
    decoder.finish()


def test_error_frame_is_raised_before_its_payload_is_looked_at():
    decoder = LatentStreamDecoder(raw_header("fp16", 2))
    decoder.decode_frame(LatentFrame(bytes(4), 0, True, False))
    with pytest.raises(StreamFailedError) as caught:
        decoder.decode_frame(LatentFrame(b"", 1, True, True, "error"))
    assert (caught.value.seq, caught.value.message_index) == (1, 2)


def test_reason_error_with_a_payload_is_decoded():
    decoder = LatentStreamDecoder(raw_header("fp16", 2))
    assert decoder.decode_frame(LatentFrame(bytes(4), 0, True, True, "error")).tolist() == [[0.0, 0.0]]


def test_finish_without_done_is_refused():
    decoder = LatentStreamDecoder(raw_header("fp16", 2))
    with pytest.raises(RemoteProtocolError):
        decoder.finish()
    decoder.decode_frame(LatentFrame(bytes(4), 0, True, True))
    decoder.finish()


def test_frame_of_the_wrong_length_or_order_is_refused():
    decoder = LatentStreamDecoder(raw_header("fp16", 2))
    with pytest.raises(RemoteProtocolError) as caught:
        decoder.decode_frame(LatentFrame(bytes(5), 0, True, True))
    assert (caught.value.field, caught.value.message_index) == ("data", 1)
    decoder.decode_frame(LatentFrame(bytes(4), 5, True, False))
    with pytest.raises(RemoteProtocolError) as caught:
        decoder.decode_frame(LatentFrame(bytes(4), 5, True, False))
    assert caught.value.field == "seq"
