"""The loop of the engine's thread: take a prompt, run it, put it into history, say that it is over.

`main` starts `run_worker` in a thread of its own. The closing order is contract: history entry, then `status`, then
`executing` with node null.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from comfy_execution.executor import PromptExecutor
from comfy_execution.history import ExecutionStatus
from comfy_execution.messages import MessageSink, has_receiver
from comfy_execution.queue import Item, PromptQueue

logger = logging.getLogger(__name__)


def _nothing() -> None:
    """What a hook does that nobody set."""


def _nothing_before(extra_data: Mapping[str, Any]) -> None:
    """What `before_prompt` does when nobody set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHooks:
    """What the worker asks of the rest of the program, in its own thread.

    `unload_models` moves all models off the device; `free_memory` is called after that when the user asked to free
    everything (the engine's own results are dropped by the worker); `before_prompt` gets the extra data of each prompt
    (`preview_method` among it) and `after_prompt` follows it.
    """

    unload_models: Callable[[], None] = _nothing
    free_memory: Callable[[], None] = _nothing
    before_prompt: Callable[[Mapping[str, Any]], None] = _nothing_before
    after_prompt: Callable[[], None] = _nothing


def run_worker(
    queue: PromptQueue, executor: PromptExecutor, server: MessageSink, hooks: WorkerHooks | None = None
) -> None:
    """Serves the queue until it is closed."""
    hooks = hooks or WorkerHooks()
    try:
        while not queue.is_closed:
            taken = queue.get()
            if taken is not None:
                extra_data: Mapping[str, Any] = taken[0][3]
                _guarded("before_prompt", partial(hooks.before_prompt, extra_data))
                run_item(queue, executor, server, *taken)
                _guarded("after_prompt", hooks.after_prompt)
            serve_flags(queue.get_flags(), executor, hooks)
    finally:
        executor.close()


def run_item(
    queue: PromptQueue, executor: PromptExecutor, server: MessageSink, item: Item, item_id: int
) -> None:
    """Runs one prompt and closes it."""
    prompt_id: str = item[1]
    secrets: Mapping[str, Any] = item[5] if len(item) > 5 and item[5] else {}
    server.last_prompt_id = prompt_id
    started = time.perf_counter()
    try:
        executor.execute(item[2], prompt_id, {**item[3], **secrets}, item[4])
    except Exception:
        # Packs wrap `execute`; whatever their code does, the prompt is closed and the next one runs.
        logger.exception("running prompt %s raised", prompt_id)
        executor.success = False
    status = ExecutionStatus(
        status_str="success" if executor.success else "error",
        completed=executor.success,
        messages=executor.status_messages,
    )
    queue.task_done(item_id, executor.history_result, status)
    client_id = server.client_id
    if client_id is not None and has_receiver(server, client_id):
        server.send_sync("executing", {"node": None, "prompt_id": prompt_id}, client_id)
    logger.info("prompt %s took %.2f s", prompt_id, time.perf_counter() - started)


def serve_flags(flags: Mapping[str, Any], executor: PromptExecutor, hooks: WorkerHooks) -> None:
    """Does what was asked for while a prompt ran: `free_memory` implies `unload_models`."""
    free_memory = bool(flags.get("free_memory"))
    if flags.get("unload_models", free_memory):
        _guarded("unload_models", hooks.unload_models)
    if free_memory:
        executor.reset()
        _guarded("free_memory", hooks.free_memory)


def _guarded(name: str, hook: Callable[[], None]) -> None:
    """A hook that raises must not end the engine's thread."""
    try:
        hook()
    except Exception:
        logger.exception("the worker's hook %s raised", name)
