"""A process that is made to be killed: engine, queue and durable store, no torch, no server.

`python crash_child.py FILE FIRST COUNT`: takes over what FILE holds, accepts COUNT prompts named FIRST.., says
"accepted NAME" for each as a server would answer, and runs them. Ends by itself when everything is done.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.store import SqliteQueueStore
from comfy_api.adapters import describe
from comfy_execution.executor import PromptExecutor
from comfy_execution.queue import PromptQueue
from comfy_execution.registry import Registry
from comfy_execution.worker import run_worker


class Show:
    """An output node that does a little work."""

    RETURN_TYPES = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("*", {})}}

    def run(self, value: str) -> dict[str, Any]:
        return {"ui": {"text": [str(sum(range(20_000))), value]}}


class Nobody:
    """A server without clients; tells when the queue is empty."""

    def __init__(self) -> None:
        self.client_id: str | None = None
        self.last_node_id: str | None = None
        self.last_prompt_id: str | None = None
        self.sockets: dict[str, Any] = {}
        self.queue: PromptQueue | None = None
        self.idle = threading.Event()

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Nobody listens."""

    def queue_updated(self) -> None:
        if self.queue is not None and not self.queue.get_tasks_remaining():
            self.idle.set()
        else:
            self.idle.clear()


def main(path: str, first: int, count: int) -> None:
    store = SqliteQueueStore(path, max_history=10_000)
    left = store.restore()
    server = Nobody()
    server.queue = queue = PromptQueue(server, store=store)
    queue.restore(left.waiting, left.interrupted, left.history)
    registry = Registry(describe)
    registry.classes["Show"] = Show
    executor = PromptExecutor(server, registry=registry)
    worker = threading.Thread(target=run_worker, args=(queue, executor, server), daemon=True)
    worker.start()
    for i in range(first, first + count):
        name = f"p{i}"
        prompt = {"1": {"class_type": "Show", "inputs": {"value": name}}}
        queue.put((i, name, prompt, {}, ["1"], {}))
        print("accepted", name, flush=True)
    server.queue_updated()
    server.idle.wait()
    queue.close()
    worker.join()
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
