"""Differences and packing of one-byte integers, against arithmetic with room to spare."""

from __future__ import annotations

import numpy as np
import pytest

from codec_transport.pipelines.byte_passes import pack_nibbles, subtract_keyframe

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize("levels", [127, 7])
def test_every_pair_is_subtracted_and_clamped(levels):
    every = np.arange(-levels, levels + 1, dtype=np.int8)
    now, then = (np.ascontiguousarray(grid.reshape(-1)) for grid in np.meshgrid(every, every))
    expected = np.subtract(now, then, dtype=np.int16)
    assert subtract_keyframe(now, then, list(np.empty((4, now.size), np.int8)), levels)
    np.testing.assert_array_equal(now, np.clip(expected, -levels, levels))


@pytest.mark.parametrize(
    ("now", "then", "levels", "is_clamped"),
    [
        (127, 0, 127, False),
        (127, -1, 127, True),
        (-127, 1, 127, True),
        (-63, 64, 127, False),
        (-64, 64, 127, True),
        (127, -127, 127, True),
        (-127, 127, 127, True),
        (4, -3, 7, False),
        (4, -4, 7, True),
        (-4, 4, 7, True),
    ],
)
def test_clamping_is_told_exactly(now, then, levels, is_clamped):
    values = np.array([0, now, 1], np.int8)
    keyframe = np.array([0, then, 1], np.int8)
    assert subtract_keyframe(values, keyframe, list(np.empty((3, 3), np.int8)), levels) is is_clamped
    assert values.tolist() == [0, max(-levels, min(levels, now - then)), 0]


@pytest.mark.parametrize("size", [1, 2, 3, 8, 101])
def test_packing_puts_the_earlier_integer_low(size):
    integers = RANDOM.integers(-8, 8, size).astype(np.int8)
    out = np.full((size + 1) // 2, 0xFF, np.uint8)
    pack_nibbles(integers, out, list(np.empty((2, size), np.int8)))
    padded = [*(int(value) & 15 for value in integers), *([0] * (size % 2))]
    assert out.tolist() == [low | high << 4 for low, high in zip(padded[0::2], padded[1::2], strict=True)]
