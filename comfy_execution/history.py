"""Finished prompts, oldest first, at most so many. Not locked: the queue owns it and holds its own lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

MAXIMUM_HISTORY_SIZE = 10000

Entry = dict[str, Any]
"""{"prompt": [5 items], "outputs": {...}, "status": {...} or None, "meta": {...}}"""


class ExecutionStatus(NamedTuple):
    """How a prompt ended, as history shows it."""

    status_str: str
    completed: bool
    messages: Sequence[Any]

    def to_dict(self) -> dict[str, Any]:
        """The `status` of a history entry."""
        return {"status_str": self.status_str, "completed": self.completed, "messages": list(self.messages)}


def lost_entry(item: Sequence[Any], timestamp_ms: int) -> Entry:
    """The entry of a prompt that was running when the process before this one ended: failed, and why."""
    prompt_id = item[1]
    message = {
        "prompt_id": prompt_id,
        "node_id": None,
        "node_type": None,
        "executed": [],
        "reason": "the server ended while this prompt was running",
        "timestamp": timestamp_ms,
    }
    status = ExecutionStatus("error", completed=False, messages=[("execution_interrupted", message)])
    return {"prompt": item, "outputs": {}, "status": status.to_dict(), "meta": {}}


class History:
    """Entries by prompt id in the order in which prompts ended.

    As in ComfyUI, the oldest entry goes when the limit was passed *before* a new one comes.
    """

    def __init__(self, max_entries: int = MAXIMUM_HISTORY_SIZE) -> None:
        self.max_entries = max_entries
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, prompt_id: str, entry: Entry) -> None:
        """Stores an entry as the newest."""
        while len(self._entries) > self.max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries.pop(prompt_id, None)
        self._entries[prompt_id] = entry

    def select(
        self,
        prompt_id: str | None = None,
        max_items: int | None = None,
        offset: int = -1,
        map_function: Callable[[Entry], Any] | None = None,
    ) -> dict[str, Any]:
        """One entry, or a range of them. Entries are never changed once they are stored; do not change them either.

        Without an offset `max_items` counts from the newest; a negative offset with `max_items` means just that.
        """
        if prompt_id is not None:
            chosen = [prompt_id] if prompt_id in self._entries else []
        else:
            ids = list(self._entries)
            if offset < 0:
                offset = max(len(ids) - max_items, 0) if max_items is not None else 0
            chosen = ids[offset:] if max_items is None else ids[offset : offset + max(max_items, 0)]
        if map_function is not None:
            return {chosen_id: map_function(self._entries[chosen_id]) for chosen_id in chosen}
        return {chosen_id: dict(self._entries[chosen_id]) for chosen_id in chosen}

    def delete(self, prompt_id: str) -> None:
        """Forgets one entry; an unknown id is no error."""
        self._entries.pop(prompt_id, None)

    def clear(self) -> None:
        """Forgets all."""
        self._entries.clear()
