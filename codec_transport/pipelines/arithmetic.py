"""What a number library must offer to encode latents; chosen by the latent's type.

The rules that both implementations keep, because bytes depend on them:

* the latent is cast to the header's dtype first, everything after that is binary32;
* the scale of a channel is its largest magnitude, rounded to fp16;
* `x / scale`, then `* levels`, two separate correctly rounded operations, then round half to even, then
  clamp. A reciprocal, a fused operation or another precision changes values.
* a channel whose scale is 0 is all zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from codec_transport.errors import LatentInputError
from codec_transport.wire.layouts import PipelineLayout

MAX_FP16 = 65504.0


@dataclass(frozen=True, slots=True)
class StreamShape:
    """What stays the same for all frames of a stream. dtype: "fp16" or "fp32", as in the header."""

    shape: tuple[int, ...]
    dtype: str
    layout: PipelineLayout

    @property
    def num_channels(self) -> int:
        """C."""
        return self.shape[0]

    @property
    def channel_size(self) -> int:
        """Values per channel."""
        size = 1
        for length in self.shape[1:]:
            size *= length
        return size

    @property
    def largest(self) -> float:
        """Largest finite number of the dtype."""
        return MAX_FP16 if self.dtype == "fp16" else float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class KeyframeState:
    """What a delta stream remembers of its last keyframe, in the arrays of the library that made it.

    integers: int8, C order. scales: float32, one per channel.
    """

    integers: Any
    scales: Any


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One payload with what its caller must know.

    data: the payload, a fresh buffer in wire order. is_finite: False when the latent or its cast to the
    dtype holds NaN or infinity; `data` means nothing then. has_clamped_residuals: some residual did not
    fit. keyframe: what the following delta frames refer to, None for a delta frame.
    """

    data: memoryview
    is_finite: bool
    has_clamped_residuals: bool = False
    keyframe: KeyframeState | None = None


class Arithmetic(Protocol):
    """The three kinds of payload. `saturate`: clamp to the dtype's largest number before casting."""

    def raw(self, latent: Any, *, saturate: bool) -> EncodedFrame:
        """The values themselves."""

    def quantised(
        self, latent: Any, scales: npt.NDArray[np.float16] | None, *, saturate: bool
    ) -> EncodedFrame:
        """Integers; behind a block of the frame's own scales when `scales` is None."""

    def residual(self, latent: Any, keyframe: KeyframeState, *, saturate: bool) -> EncodedFrame:
        """Differences of integers to the keyframe's, on the keyframe's scales."""

    def bad_channels(self, latent: Any) -> tuple[int, ...]:
        """Channels of the latent as it came that hold NaN or infinity."""


def is_tensor(latent: object) -> bool:
    """True for a torch tensor; asks without importing torch."""
    return type(latent).__module__.partition(".")[0] == "torch" and hasattr(latent, "device")


def check_latent(latent: Any, stream: StreamShape) -> None:
    """Raises: LatentInputError unless the latent is an array of floats of the stream's shape."""
    if not is_tensor(latent) and not isinstance(latent, np.ndarray):
        raise LatentInputError("latent type", type(latent).__name__, "a numpy array or a torch tensor")
    if tuple(latent.shape) != stream.shape:
        raise LatentInputError("latent shape", tuple(latent.shape), stream.shape)
    is_float = latent.is_floating_point() if is_tensor(latent) else latent.dtype.kind == "f"
    if not is_float:
        raise LatentInputError("latent dtype", latent.dtype, "floating point")
