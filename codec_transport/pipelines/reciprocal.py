"""When a multiplication gives the same integers as the division that the wire asks for.

The wire defines q = RNE(fl(fl(x / s) * m)): two rounded operations in binary32, then round half to even.
One multiplication by r = m / s saves a pass over the frame, and in general changes a few values. For x and
s in fp16 it provably changes none, for all but a few scales:

Let x = X 2^a, s = S 2^b with whole X, S < 2^11, v = x m / s, and k + 1/2 the tie nearest to v, n = 2k + 1.
Then v - n/2 = (2m X 2^a - n S 2^b) / (2 S 2^b). If that is not zero, its numerator is at least 2^b (or twice
2^a where a < b), so that v is away from the tie by more than 1.9e-6 v for every |v| <= m + 1/2. Both ways of
computing v are wrong by less than 3.6e-7 v, so both round to the same integer; beyond m both clamp.
If it is zero, n S = 2m X 2^(a-b), so the prime m divides n S. Unless m divides S it divides n, and n = m is the
only odd multiple up to 2m: the tie is x = s / 2, where the wire's own formula is exact, gives m / 2 and
rounds it to (m + 1) / 2, which is even for 127 and 7. A factor r >= m / s gives the same.

There remain scales whose S is a multiple of m: 8 of 1024 for 127, every seventh for 7. Their channels are
divided as the wire says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_INFINITY = np.float32(np.inf)


@dataclass(frozen=True, slots=True)
class ChannelFactors:
    """How to bring each channel to integers.

    factors: float32 (C, 1), r of each channel, next to 0 where the scale is 0. divisors: float32 (C, 1), the scales
    themselves, infinite where the scale is 0. divided: channels for which only the division is right.
    """

    factors: npt.NDArray[np.float32]
    divisors: npt.NDArray[np.float32]
    divided: tuple[int, ...]


def channel_factors(scales: npt.NDArray[np.float16], levels: int) -> ChannelFactors:
    """The factors of a frame's scales (C,). levels: 127 or 7, both prime. For frames of fp16 values only."""
    divisors = scales.astype(np.float32)
    divisors[divisors == 0] = np.inf
    # the nearest number may lie below levels / scale, the one above it does not
    factors = np.nextafter(levels / divisors, _INFINITY)
    bits = scales.view(np.uint16)
    significands = (bits & 0x3FF) | ((bits >= 0x400) * np.uint16(0x400))
    divided = np.flatnonzero((significands % levels == 0) & (bits != 0))
    return ChannelFactors(factors[:, None], divisors[:, None], tuple(divided.tolist()))
