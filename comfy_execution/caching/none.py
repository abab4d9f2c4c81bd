"""`--cache-none`: nothing is kept."""

from __future__ import annotations

from collections.abc import Collection

from comfy_execution.caching.base import CacheEntry, Key


class NoCache:
    """Keeps no result and no node object."""

    keeps_objects = False

    def begin_prompt(self, keys: Collection[Key]) -> None:
        """Nothing to prepare."""

    def get(self, key: Key) -> CacheEntry | None:
        """Never there."""
        return None

    def put(self, key: Key, entry: CacheEntry) -> None:
        """Dropped at once."""

    def adopt(self, owner: Key, keys: Collection[Key]) -> None:
        """Nothing is kept, so nothing has an owner."""

    def clear(self) -> None:
        """Nothing to forget."""
