"""What a checkpoint's string metadata says that shapes cannot: head and group counts.

Keys of the SD1 family (all optional, values as decimal text, lists separated by commas):
`codec.sd1.unet_heads`, `codec.sd1.text_heads`, `codec.sd1.unet_groups`, `codec.sd1.vae_groups`.
"""

from __future__ import annotations

from collections.abc import Mapping

from comfy.errors import WeightsShapeError

MAX_COUNT = 65536
"""Largest head or group count read from a file; no network has that many channels."""


def count_list(metadata: Mapping[str, str] | None, key: str, default: int) -> tuple[int, ...]:
    """The counts written under `key`, or `(default,)` when the file does not say.

    Raises: WeightsShapeError naming the key unless every part is a whole number from 1 to MAX_COUNT.
    """
    text = (metadata or {}).get(key)
    if text is None:
        return (default,)
    parts = [part.strip() for part in text.split(",")]
    if not all(
        part.isascii() and part.isdigit() and len(part) < 6 and 1 <= int(part) <= MAX_COUNT for part in parts
    ):
        raise WeightsShapeError(
            "metadata is not a list of counts",
            key=key,
            expected=f"whole numbers from 1 to {MAX_COUNT}, separated by commas",
            found=repr(text[:80]),
        )
    return tuple(int(part) for part in parts)


def per_level(counts: tuple[int, ...], num_levels: int, key: str) -> tuple[int, ...]:
    """One count for each level: a single number is repeated.

    Raises: WeightsShapeError naming the key when there is neither one number nor one per level.
    """
    if len(counts) == 1:
        return counts * num_levels
    if len(counts) != num_levels:
        raise WeightsShapeError(
            "metadata has the wrong number of counts",
            key=key,
            expected=f"1 or {num_levels}",
            found=str(len(counts)),
        )
    return counts


def check_divides(count: int, width: int, *, key: str, what: str) -> None:
    """Passes when `count` divides `width`; otherwise raises WeightsShapeError naming the metadata key to set."""
    if width % count:
        raise WeightsShapeError(
            f"{what}: a width of {width} channels does not divide into {count}",
            key=key,
            expected=f"metadata with a divisor of {width}",
            found=str(count),
        )
