"""`--cache-classic`: what the last prompt used, and nothing else."""

from __future__ import annotations

from collections.abc import Collection

from comfy_execution.caching.base import CacheEntry, Key


class ClassicCache:
    """Entries live until a prompt starts that has no node with their key."""

    keeps_objects = True

    def __init__(self) -> None:
        self._entries: dict[Key, CacheEntry] = {}
        self._children: dict[Key, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def begin_prompt(self, keys: Collection[Key]) -> None:
        """Drops every entry that neither belongs to `keys` nor to an expansion of one of them."""
        used = closure(keys, self._children)
        self._entries = {key: entry for key, entry in self._entries.items() if key in used}
        self._children = {key: children for key, children in self._children.items() if key in used}

    def get(self, key: Key) -> CacheEntry | None:
        """The entry of a key."""
        return self._entries.get(key)

    def put(self, key: Key, entry: CacheEntry) -> None:
        """Stores a result until the next prompt decides."""
        self._entries[key] = entry

    def adopt(self, owner: Key, keys: Collection[Key]) -> None:
        """Ties the life of an expansion's nodes to the node that expanded."""
        self._children.setdefault(owner, set()).update(keys)

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._children.clear()


def closure(keys: Collection[Key], children: dict[Key, set[Key]]) -> set[Key]:
    """`keys` and all that descends from them."""
    used = set(keys)
    stack = list(used)
    while stack:
        for child in children.get(stack.pop(), ()):
            if child not in used:
                used.add(child)
                stack.append(child)
    return used
