"""Passes over integers of one byte each, in memory that the caller has anyway: differences and packing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Int8Array = npt.NDArray[np.int8]


def subtract_keyframe(now: Int8Array, then: Int8Array, spare: Sequence[Int8Array], levels: int) -> bool:
    """now - then in place of `now`, clamped to the levels; true when something had to be clamped.

    spare: three rows of the length of `now`, overwritten. A difference that leaves -128..127 wraps, which
    shows in the signs: the operands differ in sign then, and the result has not the sign of the first.
    """
    difference, signs, other_signs = spare[0], spare[1], spare[2]
    np.subtract(now, then, out=difference)
    np.bitwise_xor(now, then, out=signs)
    np.bitwise_xor(now, difference, out=other_signs)
    np.bitwise_and(signs, other_signs, out=signs)
    is_wrapped = bool(np.minimum.reduce(signs) < 0)
    if is_wrapped:
        places = np.flatnonzero(signs < 0)
        difference[places] = np.where(now[places] < 0, -levels, levels)
    is_clamped = is_wrapped or bool(np.minimum.reduce(difference) < -levels)
    # a byte holds nothing above 127, so there it need not be looked for
    is_clamped = is_clamped or (levels < 127 and bool(np.maximum.reduce(difference) > levels))
    if is_clamped:
        np.clip(difference, -levels, levels, out=now)
    else:
        np.copyto(now, difference)
    return is_clamped


def pack_nibbles(integers: Int8Array, out: npt.NDArray[np.uint8], spare: Sequence[Int8Array]) -> None:
    """Two integers to a byte, the earlier one low; a last odd one leaves the high nibble 0.

    Whole pairs are taken as words of two bytes, low byte first: the low nibble stays, that of the high byte
    moves down by four, and what is above the first byte is dropped. spare: two rows of the length of
    `integers`, overwritten.
    """
    num_pairs = len(integers) // 2
    words, packed, low = (row[: 2 * num_pairs].view("<u2") for row in (integers, spare[0], spare[1]))
    np.right_shift(words, 4, out=packed)
    np.bitwise_and(packed, 0xF0, out=packed)
    np.bitwise_and(words, 0x0F, out=low)
    np.bitwise_or(packed, low, out=packed)
    np.copyto(out[:num_pairs], packed, casting="unsafe")
    if len(integers) % 2:
        out[num_pairs] = int(integers[-1]) & 0x0F
