"""`--cache-lru N`: the N results that were used last, whatever prompt they belong to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from comfy_execution.caching.base import CacheEntry, Key


class LruCache:
    """At most `max_entries` results; reading and storing make a result recent."""

    keeps_objects = True

    def __init__(self, max_entries: int) -> None:
        if max_entries < 1:
            raise ValueError(f"an LRU cache keeps at least 1 entry, got {max_entries}")
        self.max_entries = max_entries
        self._entries: OrderedDict[Key, CacheEntry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def begin_prompt(self, keys: Collection[Key]) -> None:
        """Makes what the prompt may use recent, so that its own results push out older ones first."""
        for key in keys:
            if key in self._entries:
                self._entries.move_to_end(key)

    def get(self, key: Key) -> CacheEntry | None:
        """The entry of a key, which becomes the most recent."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, entry: CacheEntry) -> None:
        """Stores a result and drops the least recent ones beyond the limit."""
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self.max_entries:
            self._entries.popitem(last=False)

    def adopt(self, owner: Key, keys: Collection[Key]) -> None:
        """Age alone decides here."""

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
