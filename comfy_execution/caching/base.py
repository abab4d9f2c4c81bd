"""What a cache keeps and what the engine asks of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Key = bytes
"""Digest of a node's content and ancestry, made by `caching.keys`."""


@dataclass(frozen=True, slots=True, eq=False)
class CacheEntry:
    """The result of one node: per output slot the list of its values, and the ui it showed (None: no ui).

    Slots in `absent` were streams, whose frames are gone: their lists are empty and count as no value.
    """

    outputs: Sequence[list[Any]]
    ui: Mapping[str, Any] | None = None
    absent: frozenset[int] = frozenset()


class ResultCache(Protocol):
    """Results by key. Used by the engine's thread only.

    The engine holds what the running prompt needs by itself: a cache may drop anything at any time.
    """

    keeps_objects: bool
    """Whether node objects live on between prompts too."""

    def begin_prompt(self, keys: Collection[Key]) -> None:
        """A prompt starts whose sent nodes have these keys."""

    def get(self, key: Key) -> CacheEntry | None:
        """The entry of a key."""

    def put(self, key: Key, entry: CacheEntry) -> None:
        """Stores a finished node's result."""

    def adopt(self, owner: Key, keys: Collection[Key]) -> None:
        """Nodes with `keys` come from the expansion of the node `owner`: they are used as long as it is."""

    def clear(self) -> None:
        """Forgets everything."""
