"""The seven pipelines as data: what each one's payload holds and how long it must be.

Arithmetic lives in `codec_transport.pipelines`; this table is enough to check a stream's lengths and
scales without touching a number, so the session can refuse a bad frame before anything decodes it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from math import prod

from codec_transport.wire.dtypes import WIRE_DTYPES


class Scales(Enum):
    """Where a pipeline's per-channel scales travel."""

    NONE = "none"
    HEADER = "header"  # once, in the header
    PAYLOAD = "payload"  # in front of every keyframe's integers


@dataclass(frozen=True, slots=True)
class PipelineLayout:
    """One pipeline. levels: largest integer, 127 or 7; 0 for `raw`, whose values are floats."""

    name: str
    levels: int
    scales: Scales
    is_delta: bool = False

    @property
    def is_packed(self) -> bool:
        """Two integers to a byte, low nibble first."""
        return self.levels == 7

    def payload_bytes(self, shape: tuple[int, ...], dtype: str, *, keyframe: bool) -> int:
        """Exact length of a frame's `data` for a per-frame `shape` (channels first)."""
        num_values = prod(shape)
        if self.scales is Scales.NONE:
            return WIRE_DTYPES[dtype].size_bytes(num_values)
        num_integer_bytes = (num_values + 1) // 2 if self.is_packed else num_values
        has_scales = self.scales is Scales.PAYLOAD and (keyframe or not self.is_delta)
        return num_integer_bytes + (SCALE_BYTES * shape[0] if has_scales else 0)


SCALE_BYTES = 2  # one fp16 per channel

PIPELINE_LAYOUTS: dict[str, PipelineLayout] = {
    layout.name: layout
    for layout in (
        PipelineLayout("raw", 0, Scales.NONE),
        PipelineLayout("int8", 127, Scales.HEADER),
        PipelineLayout("int4", 7, Scales.HEADER),
        PipelineLayout("int8-adaptive", 127, Scales.PAYLOAD),
        PipelineLayout("int4-adaptive", 7, Scales.PAYLOAD),
        PipelineLayout("delta+int8", 127, Scales.PAYLOAD, is_delta=True),
        PipelineLayout("delta+int4", 7, Scales.PAYLOAD, is_delta=True),
    )
}
PIPELINES: tuple[str, ...] = tuple(PIPELINE_LAYOUTS)


def bad_scale_channel(block: bytes | memoryview) -> int | None:
    """Index of the first scale that is NaN, infinite or negative in a block of fp16 values; None if all do."""
    for channel, (bits,) in enumerate(struct.iter_unpack("<H", block)):
        # exponent all ones is NaN or infinity; above 0x8000 (negative zero) the sign bit is set
        if bits & 0x7C00 == 0x7C00 or bits > 0x8000:
            return channel
    return None
