"""`--cache-ram`: results of older prompts stay until free memory runs low; then old and large ones go first."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from comfy_execution.caching.base import CacheEntry, Key

FREE_MEMORY_BYTES = Callable[[], int]
_FREED_PER_CHECK = 0.1
"""Share of the wanted headroom that is freed beyond need, so that not every put starts another sweep."""
_ASKED_PER_SHARE = 64
"""Free memory is asked for again after every 64th of the headroom that was stored."""
_MAX_DEPTH = 4
"""How deep into containers sizes are looked for: IMAGE lists, LATENT dicts and CONDITIONING fit; graphs do not."""


@dataclass(slots=True)
class _Kept:
    entry: CacheEntry
    size_bytes: int
    prompt_number: int


class RamCache:
    """Keeps everything while at least `headroom_bytes` of memory are free.

    `free_memory` gives bytes. Entries that the running prompt uses go last.
    """

    keeps_objects = True

    def __init__(self, headroom_bytes: int, free_memory: FREE_MEMORY_BYTES) -> None:
        self.headroom_bytes = headroom_bytes
        self._free_memory = free_memory
        self._kept: dict[Key, _Kept] = {}
        self._prompt_number = 0
        self._stored_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def begin_prompt(self, keys: Collection[Key]) -> None:
        """Makes the prompt's own results the youngest, then sees whether memory is short."""
        self._prompt_number += 1
        for key in keys:
            kept = self._kept.get(key)
            if kept is not None:
                kept.prompt_number = self._prompt_number
        self._relieve()

    def get(self, key: Key) -> CacheEntry | None:
        """The entry of a key."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        kept.prompt_number = self._prompt_number
        return kept.entry

    def put(self, key: Key, entry: CacheEntry) -> None:
        """Stores a result; after a good deal of them, sees whether memory is short."""
        kept = self._kept[key] = _Kept(entry, size_of(entry), self._prompt_number)
        self._stored_bytes += kept.size_bytes
        if self._stored_bytes * _ASKED_PER_SHARE >= self.headroom_bytes:
            self._relieve()

    def adopt(self, owner: Key, keys: Collection[Key]) -> None:
        """Age and size alone decide here."""

    def clear(self) -> None:
        """Forgets everything."""
        self._kept.clear()

    def _relieve(self) -> None:
        self._stored_bytes = 0
        missing = self.headroom_bytes - self._free_memory()
        if missing <= 0:
            return
        missing += int(self.headroom_bytes * _FREED_PER_CHECK)
        by_age = sorted(
            self._kept, key=lambda key: (self._kept[key].prompt_number, -self._kept[key].size_bytes)
        )
        for key in by_age:
            if missing <= 0:
                return
            missing -= self._kept.pop(key).size_bytes


def size_of(entry: CacheEntry) -> int:
    """Bytes of the arrays in an entry, counted once each; other values count a nominal 64."""
    seen: set[int] = set()
    return sum(_size(values, seen, 0) for values in entry.outputs)


def _size(value: Any, seen: set[int], depth: int) -> int:
    if id(value) in seen or depth > _MAX_DEPTH:
        return 0
    seen.add(id(value))
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(value, dict):
        return sum(_size(item, seen, depth + 1) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_size(item, seen, depth + 1) for item in value)
    return len(value) if isinstance(value, str | bytes) else 64
