"""The prompt queue: what waits, what runs, and the history of what ran. Safe from any thread.

Items are `(number, prompt_id, prompt, extra_data, output_ids[, secrets])`; smaller numbers first, then arrival.
Secrets never leave: everything handed out is cut to the first five parts, except to the worker. A `QueueStore` may
write along, so that prompts survive the process.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import Any, Protocol

from comfy.interruption import interrupt_current_processing
from comfy_execution.history import MAXIMUM_HISTORY_SIZE, Entry, History, lost_entry
from comfy_execution.history import ExecutionStatus as StatusRecord
from comfy_execution.messages import now_ms

Item = tuple[Any, ...]
_PUBLIC_PARTS = 5


class QueueSink(Protocol):
    """Who is told that the queue changed."""

    def queue_updated(self) -> None:
        """The number of waiting and running prompts may be another now."""


class QueueStore(Protocol):
    """Writes the queue down. Called under the queue's lock, with items cut to their public parts."""

    def added(self, item: Item) -> None:
        """A prompt was accepted."""

    def started(self, prompt_id: str) -> None:
        """A prompt is being run."""

    def finished(self, prompt_id: str, entry: Entry) -> None:
        """A prompt ended and is in the history."""

    def removed(self, prompt_id: str) -> None:
        """A waiting prompt was dropped."""

    def history_removed(self, prompt_id: str | None) -> None:
        """A history entry (None: all of them) was dropped."""


class PromptQueue:
    """Waiting prompts by priority, the running ones, and the history; each change is one step for observers."""

    ExecutionStatus = StatusRecord

    def __init__(
        self, server: QueueSink, *, max_history: int = MAXIMUM_HISTORY_SIZE, store: QueueStore | None = None
    ) -> None:
        self.server = server
        self._store = store
        self._lock = threading.RLock()
        self._not_empty = threading.Condition(self._lock)
        self._waiting: list[tuple[float, int, Item]] = []
        self._running: dict[int, Item] = {}
        self._arrivals = 0
        self._started = 0
        self._history = History(max_history)
        self._flags: dict[str, Any] = {}
        self._is_closed = False

    # ---- producers and the worker ---------------------------------------------------------------------------------

    def put(self, item: Item) -> None:
        """Adds a prompt."""
        with self._lock:
            self._arrivals += 1
            heappush(self._waiting, (item[0], self._arrivals, item))
            if self._store is not None:
                self._store.added(item[:_PUBLIC_PARTS])
            self.server.queue_updated()
            self._not_empty.notify()

    def get(self, timeout: float | None = None) -> tuple[Item, int] | None:
        """Takes the next prompt, waiting for one if need be; None after `timeout` seconds, or `close`.

        None too while flags are set: they are to be served (`get_flags`) before the next prompt.

        Taking a prompt withdraws any older request to interrupt: it was not meant for this one.
        """
        with self._not_empty:
            while not (self._waiting or self._is_closed or self._flags):
                if not self._not_empty.wait(timeout):
                    break
            if not self._waiting or self._is_closed or self._flags:
                return None
            item = heappop(self._waiting)[2]
            running_id = self._started
            self._started += 1
            self._running[running_id] = item
            interrupt_current_processing(False)
            if self._store is not None:
                self._store.started(item[1])
            self.server.queue_updated()
            return item, running_id

    def task_done(
        self,
        item_id: int,
        history_result: dict[str, Any],
        status: StatusRecord | None,
        process_item: Callable[[Item], Item] | None = None,
    ) -> None:
        """Moves a prompt from running to history, in one step."""
        with self._lock:
            item = self._running.pop(item_id)
            shown = process_item(item) if process_item is not None else item
            entry: Entry = {
                "prompt": shown[:_PUBLIC_PARTS],
                "outputs": {},
                "status": None if status is None else status.to_dict(),
                "meta": {},
            }
            entry.update(history_result)
            self._history.add(item[1], entry)
            if self._store is not None:
                self._store.finished(item[1], entry)
            self.server.queue_updated()

    def restore(
        self,
        waiting: Iterable[Item],
        interrupted: Iterable[Item] = (),
        history: Iterable[tuple[str, Entry]] = (),
    ) -> None:
        """Takes over what a store kept of the process before; called once, before the first `put`.

        `waiting` in the order in which they are to run, `history` oldest first. Prompts of `interrupted` were running
        when that process ended: they are failed, and the store is told. What is to be run again belongs to `waiting`.
        """
        with self._lock:
            for prompt_id, entry in history:
                self._history.add(prompt_id, entry)
            for item in interrupted:
                entry = lost_entry(item, now_ms())
                self._history.add(item[1], entry)
                if self._store is not None:
                    self._store.finished(item[1], entry)
            for item in waiting:
                self._arrivals += 1
                heappush(self._waiting, (item[0], self._arrivals, item))
            self._not_empty.notify()

    def close(self) -> None:
        """Makes every `get` return None from now on: the worker ends."""
        with self._lock:
            self._is_closed = True
            self._not_empty.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    # ---- observers ------------------------------------------------------------------------------------------------

    def get_current_queue(self) -> tuple[list[Item], list[Item]]:
        """(running, waiting in heap order), copied."""
        running, waiting = self.get_current_queue_volatile()
        return copy.deepcopy(running), copy.deepcopy(waiting)

    def get_current_queue_volatile(self) -> tuple[list[Item], list[Item]]:
        """(running, waiting in heap order); the items' contents are shared: read, never change."""
        with self._lock:
            running = [item[:_PUBLIC_PARTS] for item in self._running.values()]
            return running, [item[:_PUBLIC_PARTS] for _, _, item in self._waiting]

    def running_ids(self) -> list[str]:
        """The prompts that run."""
        with self._lock:
            return [item[1] for item in self._running.values()]

    def get_tasks_remaining(self) -> int:
        """Waiting and running prompts."""
        with self._lock:
            return len(self._waiting) + len(self._running)

    def get_history(
        self,
        prompt_id: str | None = None,
        max_items: int | None = None,
        offset: int = -1,
        map_function: Callable[[Entry], Any] | None = None,
    ) -> dict[str, Any]:
        """Finished prompts, see `History.select`."""
        with self._lock:
            return self._history.select(prompt_id, max_items, offset, map_function)

    # ---- changes from outside -------------------------------------------------------------------------------------

    def wipe_queue(self) -> None:
        """Drops all waiting prompts."""
        with self._lock:
            dropped, self._waiting = self._waiting, []
            if self._store is not None:
                for _, _, item in dropped:
                    self._store.removed(item[1])
            self.server.queue_updated()

    def delete_queue_item(self, function: Callable[[Item], bool]) -> bool:
        """Drops the first waiting prompt that `function` accepts; whether there was one."""
        with self._lock:
            for i, (_, _, item) in enumerate(self._waiting):
                if function(item):
                    del self._waiting[i]
                    heapify(self._waiting)
                    if self._store is not None:
                        self._store.removed(item[1])
                    self.server.queue_updated()
                    return True
        return False

    def interrupt_if_running(self, prompt_id: str) -> bool:
        """Asks this prompt to stop, if it is the one that runs; whether it was."""
        with self._lock:
            is_running = any(item[1] == prompt_id for item in self._running.values())
            if is_running:
                interrupt_current_processing()
            return is_running

    def wipe_history(self) -> None:
        """Forgets all finished prompts."""
        with self._lock:
            self._history.clear()
            if self._store is not None:
                self._store.history_removed(None)

    def delete_history_item(self, id_to_delete: str) -> None:
        """Forgets one finished prompt; an unknown id is no error."""
        with self._lock:
            self._history.delete(id_to_delete)
            if self._store is not None:
                self._store.history_removed(id_to_delete)

    def set_flag(self, name: str, data: Any) -> None:
        """Leaves a wish for the worker (`unload_models`, `free_memory`) and wakes it."""
        with self._lock:
            self._flags[name] = data
            self._not_empty.notify()

    def get_flags(self, reset: bool = True) -> dict[str, Any]:
        """The wishes left since the last time."""
        with self._lock:
            if not reset:
                return dict(self._flags)
            flags, self._flags = self._flags, {}
            return flags
