"""The prompt queue of this process, with what the last process left in the user folder."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from app.store import FILE_NAME, SqliteQueueStore, StoreError
from comfy_execution import queue as queue_home
from comfy_execution.queue import PromptQueue, QueueSink

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChoices:
    """What the operator chose. `resume` runs the prompts again that the last process died in."""

    in_memory: bool = False
    resume: bool = False
    history_size: int = 10_000


def open_queue(server: QueueSink, user_folder: str, choices: QueueChoices) -> tuple[PromptQueue, int]:
    """The queue, and the first queue number to give out.

    Without a usable file the queue lives in memory, and the log says why. A prompt that was running when the last
    process died is in the history as interrupted, unless `resume` says to run it again.
    """
    if choices.in_memory:
        return queue_home.PromptQueue(server, max_history=choices.history_size), 0
    try:
        store = SqliteQueueStore(os.path.join(user_folder, FILE_NAME), max_history=choices.history_size)
    except StoreError as error:
        logger.warning("The queue lives in memory only and does not survive this process: %s", error)
        return queue_home.PromptQueue(server, max_history=choices.history_size), 0
    if choices.resume:
        store.put_back()
    restored = store.restore()
    for item in restored.interrupted:
        logger.warning(
            "Prompt %s was running when the server stopped; it is reported as interrupted", item[1]
        )
    queue = queue_home.PromptQueue(server, max_history=choices.history_size, store=store)
    queue.restore(restored.waiting, restored.interrupted, restored.history)
    if restored.waiting:
        logger.info("%d prompts of the last run are waiting again", len(restored.waiting))
    return queue, restored.next_number
