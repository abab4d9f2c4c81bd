"""A process to be killed: engine and durable queue without torch, serving prompts and taking new ones.

    python killed_engine.py FOLDER run|report

`run` puts prompts until it is killed; every id is written to `accepted` once the queue has it, and to `ran` when its
node runs. `report` prints what a restart finds, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.durable_queue import QueueChoices, open_queue
from comfy_api.adapters import describe
from comfy_execution.executor import PromptExecutor
from comfy_execution.registry import Registry, install
from comfy_execution.utils import get_executing_context
from comfy_execution.worker import run_worker

BACKLOG = 8


class Sink:
    """A server without clients."""

    client_id = last_node_id = last_prompt_id = None
    sockets: dict[str, Any] = {}
    sockets_metadata: dict[str, Any] = {}

    def send_sync(self, event: Any, data: Any, sid: Any = None) -> None:
        """Nobody listens."""

    def queue_updated(self) -> None:
        """Nobody listens."""


def append(path: Path, line: str) -> None:
    """One write, so that a kill leaves whole lines."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def serve(folder: Path) -> None:
    """Runs until it is killed."""

    class Note:
        RETURN_TYPES = ()
        FUNCTION = "run"
        OUTPUT_NODE = True

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {"text": ("STRING", {})}}

        def run(self, text: str) -> dict[str, Any]:
            context = get_executing_context()
            assert context is not None
            append(folder / "ran", context.prompt_id)
            return {"ui": {"text": [text]}}

    registry = Registry(describe)
    registry.classes["Note"] = Note
    install(registry)
    sink = Sink()
    queue, number = open_queue(sink, str(folder), QueueChoices())
    executor = PromptExecutor(sink, registry=registry)
    threading.Thread(target=run_worker, args=(queue, executor, sink), daemon=True).start()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    while True:
        if queue.get_tasks_remaining() < BACKLOG:
            prompt_id = str(uuid.uuid4())
            graph = {"1": {"class_type": "Note", "inputs": {"text": prompt_id}}}
            queue.put((number, prompt_id, graph, {}, ["1"]))
            append(folder / "accepted", prompt_id)
            number += 1


def report(folder: Path) -> None:
    """What is waiting and what is in the history, after what a restart does."""
    queue, _ = open_queue(Sink(), str(folder), QueueChoices(history_size=1_000_000))
    history = queue.get_history()
    state = {
        "waiting": [item[1] for item in queue.get_current_queue()[1]],
        "succeeded": [name for name, entry in history.items() if entry["status"]["completed"]],
        "interrupted": [name for name, entry in history.items() if not entry["status"]["completed"]],
    }
    sys.stdout.write(json.dumps(state))


if __name__ == "__main__":
    {"run": serve, "report": report}[sys.argv[2]](Path(sys.argv[1]))
