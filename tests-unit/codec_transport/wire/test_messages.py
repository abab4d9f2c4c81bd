"""Messages are validated when built: a bad one cannot exist."""

from __future__ import annotations

import math

import pytest

from codec_transport.errors import MessageFieldError
from codec_transport.wire.messages import MAX_FRAME_VALUES, LatentFrame, LatentStreamHeader

GOOD = {"latent_space_id": "test/space", "shape": (2, 3, 4), "dtype": "fp16", "pipeline": "raw"}


def test_header_keeps_its_fields_and_is_frozen():
    header = LatentStreamHeader(**GOOD, fps=24, total_frames=3, vae_scale_factor=1)
    assert (header.num_channels, header.num_values) == (2, 24)
    assert header.vae_scale_factor == 1.0 and isinstance(header.vae_scale_factor, float)
    with pytest.raises(AttributeError):
        header.fps = 25


def test_shape_given_as_a_list_becomes_a_tuple():
    assert LatentStreamHeader(**{**GOOD, "shape": [2, 3, 4]}).shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latent_space_id", ""),
        ("latent_space_id", 7),
        ("latent_space_id", "x" * 257),
        ("shape", ()),
        ("shape", (0, 2, 2)),
        ("shape", (2, -1)),
        ("shape", (True, 2)),
        ("shape", (2.0, 2)),
        ("shape", (1,) * 9),
        ("shape", (MAX_FRAME_VALUES, 2)),
        ("shape", "22"),
        ("dtype", "fp8"),
        ("dtype", ["fp16"]),
        ("pipeline", "int6"),
        ("pipeline", None),
        ("fps", -1),
        ("fps", 2**32),
        ("fps", True),
        ("total_frames", 1.5),
        ("vae_scale_factor", math.nan),
        ("vae_scale_factor", "1"),
        ("scales", "0000"),
    ],
)
def test_header_names_the_field_that_does_not_fit(field, value):
    with pytest.raises(MessageFieldError) as caught:
        LatentStreamHeader(**{**GOOD, field: value})
    assert caught.value.field == field


@pytest.mark.parametrize("pipeline", ["int8", "int4"])
@pytest.mark.parametrize(
    "scales",
    [
        None,
        b"",
        b"\x00\x3c",
        b"\x00\x3c" * 3,
        b"\x00\x7c\x00\x3c",  # infinity
        b"\x00\x3c\x01\x7e",  # NaN
        b"\x00\xbc\x00\x3c",  # -1
    ],
)
def test_static_pipelines_need_one_good_scale_per_channel(pipeline, scales):
    with pytest.raises(MessageFieldError) as caught:
        LatentStreamHeader(**{**GOOD, "pipeline": pipeline}, scales=scales)
    assert caught.value.field == "scales"


def test_zero_subnormal_and_largest_scales_are_good():
    scales = b"\x00\x00\xff\x7b"
    assert LatentStreamHeader(**{**GOOD, "pipeline": "int8"}, scales=bytearray(scales)).scales == scales


def test_scales_on_another_pipeline_are_kept_and_not_checked():
    assert LatentStreamHeader(**GOOD, scales=b"\x00\x7c").scales == b"\x00\x7c"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data", "text"),
        ("data", None),
        ("data", memoryview(b"1234").cast("H")),
        ("data", memoryview(b"1234")[::2]),
        ("seq", -1),
        ("seq", 2**32),
        ("seq", False),
        ("keyframe", 1),
        ("done", None),
        ("finish_reason", 3),
        ("finish_reason", ""),
    ],
)
def test_frame_names_the_field_that_does_not_fit(field, value):
    good = {"data": b"", "seq": 0, "keyframe": True, "done": True, "finish_reason": "ok"}
    with pytest.raises(MessageFieldError) as caught:
        LatentFrame(**{**good, field: value})
    assert caught.value.field == field


def test_finish_reason_stands_on_the_last_frame_only():
    with pytest.raises(MessageFieldError, match="finish_reason"):
        LatentFrame(b"", 0, keyframe=True, done=False, finish_reason="ok")


def test_error_report_is_an_empty_frame_with_the_reason():
    assert LatentFrame(b"", 3, True, True, "error").is_error_report
    assert not LatentFrame(b"x", 3, True, True, "error").is_error_report
    assert not LatentFrame(b"", 3, True, True, "ok").is_error_report


def test_frame_does_not_copy_its_payload():
    payload = bytearray(8)
    assert LatentFrame(payload, 0, True, False).data is payload
