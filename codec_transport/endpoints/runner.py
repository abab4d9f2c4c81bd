"""What the endpoints need of the host: running a graph as an ordinary prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class PromptRunner(Protocol):
    """Runs graphs through the host's queue. All methods on the server's loop."""

    @property
    def num_waiting(self) -> int:
        """Prompts that wait or run."""

    async def submit(self, prompt_id: str, graph: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Validates and queues; what POST /prompt would answer to a graph that is refused, None when it is queued."""

    async def outcome(self, prompt_id: str) -> Mapping[str, Any] | None:
        """Waits for the prompt's end; its history entry, None when it was taken out of the queue."""

    def graph(self, prompt_id: str) -> Mapping[str, Any] | None:
        """The graph of a prompt that waits, runs or is in the history; None when it is not known."""

    def watch(
        self, prompt_id: str, tell: Callable[[Mapping[str, Any]], None]
    ) -> AbstractContextManager[None]:
        """Calls `tell` with each step of the prompt while the block lasts: `node`, `value`, `max`."""

    def cancel(self, prompt_id: str) -> None:
        """Interrupts the prompt, or takes it out of the queue. Unknown ids are fine."""


def is_success(entry: Mapping[str, Any] | None) -> bool:
    """Whether a history entry tells of a prompt that ran to its end."""
    return entry is not None and (entry.get("status") or {}).get("status_str") == "success"
