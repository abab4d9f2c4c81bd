"""JSON texts that always come out: packs put anything into results, and one bad value must not break a list.

Floats without a JSON form become null where browsers read the text; objects become their text.
"""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(value: Any, *, keep_nan: bool = False) -> str:
    """The text, Python's default spacing, non-ASCII escaped.

    `keep_nan`: NaN and infinities are written bare, as the peer does; browsers cannot read that.
    Raises: ValueError for a value that holds itself; TypeError for keys that are neither text nor number.
    """
    if keep_nan:
        return json.dumps(value, default=plain)
    try:
        return json.dumps(value, default=plain, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(json.loads(json.dumps(value, default=plain))))


def plain(value: Any) -> Any:
    """What stands for an object that JSON does not know: a number for a scalar of an array library, else text."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        return item()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
