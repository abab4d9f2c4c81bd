"""Payload lengths of the seven pipelines, against the published table."""

from __future__ import annotations

import struct

import pytest

from codec_transport.wire.dtypes import WIRE_DTYPES
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, PIPELINES, bad_scale_channel


def test_there_are_exactly_the_seven_names():
    assert set(PIPELINES) == {
        "raw", "int8", "int4", "int8-adaptive", "int4-adaptive", "delta+int8", "delta+int4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pipeline", "keyframe_bytes", "delta_bytes"),
    [
        ("raw", 210, None),
        ("int8", 105, None),
        ("int4", 53, None),
        ("int8-adaptive", 111, None),
        ("int4-adaptive", 59, None),
        ("delta+int8", 111, 105),
        ("delta+int4", 59, 53),
    ],
)
def test_payload_of_an_odd_latent(pipeline, keyframe_bytes, delta_bytes):
    layout = PIPELINE_LAYOUTS[pipeline]
    assert layout.payload_bytes((3, 5, 7), "fp16", keyframe=True) == keyframe_bytes
    if delta_bytes is not None:
        assert layout.payload_bytes((3, 5, 7), "fp16", keyframe=False) == delta_bytes
    else:  # a peer that marks such a frame wrongly still sends the same bytes
        assert layout.payload_bytes((3, 5, 7), "fp16", keyframe=False) == keyframe_bytes


@pytest.mark.parametrize(
    ("dtype", "num_bytes"), [("fp16", 10), ("bf16", 10), ("fp32", 20), ("int8", 5), ("int4", 3)]
)
def test_raw_payload_by_dtype(dtype, num_bytes):
    assert PIPELINE_LAYOUTS["raw"].payload_bytes((5,), dtype, keyframe=True) == num_bytes


def test_labels_that_clients_misread_are_never_sent():
    assert [name for name, dtype in WIRE_DTYPES.items() if dtype.may_send] == ["fp16", "fp32"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), -1.0, -6e-8])
def test_bad_scale_is_found_by_its_channel(bad):
    assert bad_scale_channel(struct.pack("<3e", 1.0, 2.0, bad)) == 2


def test_good_scales_pass():
    assert bad_scale_channel(struct.pack("<5e", 0.0, -0.0, 6e-8, 1.0, 65504.0)) is None
