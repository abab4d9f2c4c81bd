"""Cache modes by name: which cache a server runs with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from comfy_execution.caching.base import ResultCache
from comfy_execution.caching.classic import ClassicCache
from comfy_execution.caching.lru import LruCache
from comfy_execution.caching.memory import free_memory_bytes, total_memory_bytes
from comfy_execution.caching.none import NoCache
from comfy_execution.caching.ram import RamCache

_GIB = 1024**3
_HEADROOM_SHARE = 0.1
_HEADROOM_LIMITS_GIB = (2.0, 10.0)
"""Default headroom of the RAM mode: a tenth of all memory, within these limits."""


class CacheType(Enum):
    """Modes; `DEPENDENCY_AWARE` is the older name of `NONE`."""

    CLASSIC = 0
    LRU = 1
    NONE = 2
    DEPENDENCY_AWARE = 2
    RAM_PRESSURE = 3


def make_cache(cache_type: CacheType, arguments: Mapping[str, Any] | None = None) -> ResultCache:
    """The cache of a mode.

    `arguments`: `lru` (number of results), `ram` (headroom in GiB), `free_memory` (callable that gives bytes).
    """
    given = arguments or {}
    if cache_type is CacheType.LRU:
        return LruCache(max(1, int(given.get("lru") or 1)))
    if cache_type is CacheType.NONE:
        return NoCache()
    if cache_type is CacheType.RAM_PRESSURE:
        headroom = given.get("ram")
        return RamCache(
            int(float(headroom) * _GIB) if headroom else default_headroom_bytes(),
            given.get("free_memory") or free_memory_bytes,
        )
    return ClassicCache()


def default_headroom_bytes(root: Path = Path("/")) -> int:
    """Free memory below which the RAM mode starts to forget; never more than half of what there is."""
    low, high = _HEADROOM_LIMITS_GIB
    total = total_memory_bytes(root)
    return int(min(max(total * _HEADROOM_SHARE, low * _GIB), high * _GIB, total // 2))
