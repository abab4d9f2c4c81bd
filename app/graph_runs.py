"""Running graphs on behalf of the server's own endpoints: queue one, wait for its end, take it back.

Told of every change of the queue through `queue_changed` and of every step through a hook made by `observing`, both
from any thread; everything else belongs to the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.engine import Engine
from app.intake import PromptIntake, PromptRefusedError
from comfy_execution.context import get_executing_context

ProgressHook = Callable[..., None]
"""(value, total, preview, prompt id or None, node id or None), in the thread of the node that reports."""


class GraphRuns:
    """Prompts that the server itself waits for."""

    def __init__(self, engine: Engine, intake: PromptIntake, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._intake = intake
        self._loop = loop
        self._watching: dict[str, Callable[[Mapping[str, Any]], None]] = {}
        self._waiting: dict[str, list[asyncio.Future[Mapping[str, Any] | None]]] = {}

    @property
    def num_waiting(self) -> int:
        """Prompts that wait or run."""
        return self._engine.queue.get_tasks_remaining()

    async def submit(self, prompt_id: str, graph: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Validates and queues a graph.

        What POST /prompt would answer to a graph that is refused, also where only some outputs are bad; else None.
        """
        body = {"prompt": dict(graph), "prompt_id": prompt_id}
        try:
            accepted = await self._intake.prepare(body, self._engine.validate, "codec")
        except PromptRefusedError as error:
            return error.to_body()
        if accepted.node_errors:
            return accepted.to_body()
        self._engine.queue.put(accepted.item)
        return None

    async def outcome(self, prompt_id: str) -> Mapping[str, Any] | None:
        """Waits for a prompt's end; its history entry, None when it was taken out of the queue."""
        future: asyncio.Future[Mapping[str, Any] | None] = self._loop.create_future()
        self._waiting.setdefault(prompt_id, []).append(future)
        try:
            self._settle()
            return await future
        finally:
            futures = self._waiting.get(prompt_id, [])
            if future in futures:
                futures.remove(future)
            if not futures:
                self._waiting.pop(prompt_id, None)

    def graph(self, prompt_id: str) -> Mapping[str, Any] | None:
        """The graph of a prompt that waits, runs or is in the history; None when it is not known."""
        entry = self._engine.queue.get_history(prompt_id).get(prompt_id)
        running, pending = self._engine.queue.get_current_queue_volatile()
        items = [*running, *pending, *([entry["prompt"]] if entry is not None else [])]
        found: Mapping[str, Any] | None = next((item[2] for item in items if item[1] == prompt_id), None)
        return found

    @contextlib.contextmanager
    def watch(self, prompt_id: str, tell: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
        """Calls `tell` on the loop with each step of the prompt while the block lasts: `node`, `value`, `max`."""
        self._watching[prompt_id] = tell
        try:
            yield
        finally:
            del self._watching[prompt_id]

    def observing(self, hook: ProgressHook) -> ProgressHook:
        """A progress hook that reports to `hook` and to whoever watches. The hook may raise to stop the run."""

        def report(
            value: float, total: float, preview: Any, prompt_id: str | None = None, node_id: str | None = None
        ) -> None:
            hook(value, total, preview, prompt_id, node_id)
            if self._watching:
                self._report(value, total, prompt_id, node_id)

        return report

    def _report(self, value: float, total: float, prompt_id: str | None, node_id: str | None) -> None:
        context = get_executing_context()
        if context is not None:
            prompt_id, node_id = prompt_id or context.prompt_id, node_id or context.node_id
        tell = self._watching.get(prompt_id or "")
        if tell is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell, {"node": node_id, "value": value, "max": total})

    def cancel(self, prompt_id: str) -> None:
        """Interrupts the prompt, or takes it out of the queue. Unknown ids are fine."""
        if not self._engine.queue.interrupt_if_running(prompt_id):
            self._engine.queue.delete_queue_item(lambda item: item[1] == prompt_id)

    def queue_changed(self) -> None:
        """The queue or the history changed. Any thread."""
        if self._waiting and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        """Answers every waiter whose prompt has ended."""
        running, pending = self._engine.queue.get_current_queue_volatile()
        alive = {item[1] for item in (*running, *pending)}
        for prompt_id in [name for name in self._waiting if name not in alive]:
            entry = self._engine.queue.get_history(prompt_id).get(prompt_id)
            for future in self._waiting.pop(prompt_id):
                if not future.done():
                    future.set_result(entry)
