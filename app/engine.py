"""What the server needs of the engine, as protocols and one record that main.py fills.

The server never waits for the engine's thread: it puts items into the queue, reads snapshots, sets flags.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

QueueItem = tuple[Any, ...]
"""(number, prompt_id, prompt, extra_data, outputs_to_execute[, secrets])"""

Validation = tuple[bool, "dict[str, Any] | None", "list[str]", "Mapping[str, Any]"]
"""(at least one output is good, error for the client, good outputs, node_errors)"""


class PromptQueue(Protocol):
    """The thread-safe queue and history; `comfy_execution.queue.PromptQueue` satisfies it."""

    def put(self, item: QueueItem) -> None: ...

    def get_current_queue(self) -> tuple[list[QueueItem], list[QueueItem]]:
        """Copies of (running, pending) items."""

    def get_current_queue_volatile(self) -> tuple[list[QueueItem], list[QueueItem]]:
        """(running, pending) without deep copies: read, never change."""

    def running_ids(self) -> list[str]:
        """The prompts that run; costs nothing, however many wait."""

    def get_tasks_remaining(self) -> int: ...

    def wipe_queue(self) -> None: ...

    def delete_queue_item(self, function: Callable[[QueueItem], bool]) -> bool: ...

    def get_history(
        self,
        prompt_id: str | None = None,
        max_items: int | None = None,
        offset: int = -1,
        map_function: Callable[[dict[str, Any]], Any] | None = None,
    ) -> dict[str, Any]: ...

    def interrupt_if_running(self, prompt_id: str) -> bool:
        """Asks this prompt to stop, if it is the one that runs; whether it was."""

    def wipe_history(self) -> None: ...

    def delete_history_item(self, id_to_delete: str) -> None: ...

    def set_flag(self, name: str, data: Any) -> None: ...


class Validate(Protocol):
    """`execution.validate_prompt` with the registry bound."""

    def __call__(
        self, prompt_id: str, prompt: dict[str, Any], partial_targets: Sequence[str] | None
    ) -> Awaitable[Validation]: ...


def no_explanation(_prompt_id: str) -> None:
    """An engine that explains nothing."""


def always() -> bool:
    """An engine without a thread of its own to lose."""
    return True


def no_devices() -> list[dict[str, Any]]:
    """A machine without a compute device to report."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine as the server sees it.

    `node_info(class_type)` is one entry of /object_info and may raise for a broken class; `class_types()`
    lists the names in their order. `interrupt()` asks the running prompt to stop. `devices()` are the entries
    of /system_stats. `is_alive()` tells whether queued prompts are still taken.
    `explain(prompt_id)` says per node why it ran or did not, None for a prompt it does not know.
    `web_directories` is live: pack name -> folder served at /extensions/<pack name>.
    """

    queue: PromptQueue
    validate: Validate
    class_types: Callable[[], Iterable[str]]
    node_info: Callable[[str], Mapping[str, Any]]
    interrupt: Callable[[], None]
    devices: Callable[[], list[dict[str, Any]]] = no_devices
    is_alive: Callable[[], bool] = always
    explain: Callable[[str], Mapping[str, Any] | None] = no_explanation
    web_directories: Mapping[str, str] = field(default_factory=dict)
