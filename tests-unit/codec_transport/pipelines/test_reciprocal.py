"""The factor gives the integers of the wire's own formula, for every fp16 number under many scales."""

from __future__ import annotations

import numpy as np
import pytest

from codec_transport.pipelines.reciprocal import channel_factors

EVERY_FP16 = np.arange(0x7C00, dtype=np.uint16).view(np.float16)  # zero and all positive finite numbers
RANDOM = np.random.default_rng(5)
SCALES = np.concatenate(
    [
        EVERY_FP16[1:40],  # subnormal
        EVERY_FP16[1016:1040],  # around the smallest normal number
        EVERY_FP16[0x3C00 : 0x3C00 + 1024 : 9],  # one octave
        RANDOM.choice(EVERY_FP16[1:], 80, replace=False),
        EVERY_FP16[-3:],
    ]
)


def by_the_wire(values, scale, levels):
    quotients = values.astype(np.float32) / np.float32(scale)
    return np.clip(np.rint(quotients * np.float32(levels)), -levels, levels)


@pytest.mark.parametrize("levels", [127, 7])
def test_factor_gives_the_integers_of_the_division(levels):
    factors = channel_factors(SCALES, levels)
    wide = EVERY_FP16.astype(np.float32)
    num_compared = 0
    for channel, scale in enumerate(SCALES):
        if channel in factors.divided:
            continue
        found = np.clip(np.rint(wide * factors.factors[channel]), -levels, levels)
        np.testing.assert_array_equal(found, by_the_wire(EVERY_FP16, scale, levels), err_msg=str(scale))
        num_compared += 1
    assert num_compared > 0.7 * len(SCALES)


def test_channels_that_must_be_divided_are_those_whose_significand_the_levels_divide():
    scales = np.array([1270 / 1024, 1271 / 1024, 127 * 2**-24, 0.0, 4.5], np.float16)
    assert channel_factors(scales, 127).divided == (0, 2)
    octave = EVERY_FP16[0x3C00:0x4000]
    assert len(channel_factors(octave, 127).divided) == 8
    assert len(channel_factors(octave, 7).divided) in (146, 147)  # a seventh of 1024


def test_dividing_those_channels_is_needed():
    scale = np.array([1270 / 1024], np.float16)
    found = np.rint(EVERY_FP16.astype(np.float32) * channel_factors(scale, 127).factors[0])
    assert (np.clip(found, -127, 127) != by_the_wire(EVERY_FP16, scale[0], 127)).any()


def test_scale_of_zero_makes_zeros():
    factors = channel_factors(np.zeros(1, np.float16), 127)
    assert (np.rint(np.float32(65504.0) * factors.factors) == 0).all()
    assert factors.divisors[0] == np.inf
