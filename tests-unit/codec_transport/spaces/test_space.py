"""Space records, ids and hashes."""

from __future__ import annotations

import hashlib

import pytest

from codec_transport.errors import MessageFieldError
from codec_transport.spaces.space import (
    IMAGE_LATENTS,
    VIDEO_LATENTS,
    LatentSpace,
    ScalesOrigin,
    StaticScales,
    hex_of,
    is_space_id,
    sha256_label,
)

SCALES = StaticScales(b"\x80\x44" * 4, ScalesOrigin.CALIBRATED, "a test")


@pytest.mark.parametrize("space_id", ["a", "stabilityai/sd-vae-ft-mse", "a/b/c_d.e-1"])
def test_legal_ids(space_id):
    assert is_space_id(space_id)


@pytest.mark.parametrize(
    "space_id", ["", "/a", "a/", "a/../b", "..", "A/b", "a b", "a\\b", "a%2fb", "a\n", "é", "a?b"]
)
def test_illegal_ids(space_id):
    assert not is_space_id(space_id)
    with pytest.raises(MessageFieldError):
        LatentSpace(space_id, "1", (4, 8, 8), "fp16", SCALES)


def test_hash_spellings():
    digits = hashlib.sha256(b"x").hexdigest()
    assert sha256_label(b"x") == f"sha256:{digits}"
    for spelling in (digits, f"sha256:{digits}", f"SHA256:{digits.upper()}", f" {digits} "):
        assert hex_of(spelling) == digits
    for other in ("", "sha256:", digits[:-1], digits + "0", "md5:" + digits, digits[:-1] + "g"):
        assert hex_of(other) is None


def test_pipelines_depend_on_scales_and_modality():
    with_scales = LatentSpace("a", "1", (4, 8, 8), "fp16", SCALES)
    without = LatentSpace("a", "1", (4, 8, 8), "fp16", None)
    assert with_scales.pipelines_for(IMAGE_LATENTS) == (
        "raw",
        "int8",
        "int4",
        "int8-adaptive",
        "int4-adaptive",
    )
    assert without.pipelines_for(IMAGE_LATENTS) == ("raw", "int8-adaptive", "int4-adaptive")
    assert with_scales.pipelines_for(VIDEO_LATENTS) == with_scales.pipelines
    assert {"delta+int8", "delta+int4"} < set(without.pipelines_for(VIDEO_LATENTS))


@pytest.mark.parametrize("block", [b"\x80\x44" * 3, b"\x00\x7c" * 4])
def test_scales_that_do_not_fit_are_refused(block):
    with pytest.raises(MessageFieldError):
        LatentSpace("a", "1", (4, 8, 8), "fp16", StaticScales(block, ScalesOrigin.CALIBRATED, "a test"))
