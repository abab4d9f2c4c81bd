"""Number types that a header may name, one table.

Only `fp16` and `fp32` are ever sent. `bf16` is read as fp16 bits, because that is what every published
encoder writes under this label and every published decoder reads (a true bf16 stream says `fp16` after a
cast). `int8` and `int4` exist in the enum and are read as plain integers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WireDtype:
    """One entry of the dtype enum.

    bits: size of one value in a `raw` payload. code: struct/numpy code of the little-endian value, None
    where values do not fill a byte. may_send: False for labels that no encoder should write.
    """

    name: str
    bits: int
    code: str | None
    may_send: bool

    def size_bytes(self, num_values: int) -> int:
        """Bytes of `num_values` values; a half-filled last byte counts whole."""
        return (num_values * self.bits + 7) // 8


WIRE_DTYPES: dict[str, WireDtype] = {
    "fp16": WireDtype("fp16", 16, "<f2", may_send=True),
    "fp32": WireDtype("fp32", 32, "<f4", may_send=True),
    "bf16": WireDtype("bf16", 16, "<f2", may_send=False),
    "int8": WireDtype("int8", 8, "<i1", may_send=False),
    "int4": WireDtype("int4", 4, None, may_send=False),
}
