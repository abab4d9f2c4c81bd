"""The worker's own duties: flags, hooks, the closing message."""

from __future__ import annotations

import threading
from typing import Any

from engine_harness import RecordingSink, new_registry

from comfy_execution.executor import PromptExecutor
from comfy_execution.queue import PromptQueue
from comfy_execution.worker import WorkerHooks, run_worker, serve_flags


class Tape:
    """Hooks that write down that they were called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def hooks(self) -> WorkerHooks:
        return WorkerHooks(
            unload_models=lambda: self.calls.append("unload"),
            free_memory=lambda: self.calls.append("free"),
            after_prompt=lambda: self.calls.append("after"),
        )


def executor(sink: RecordingSink | None = None) -> PromptExecutor:
    return PromptExecutor(sink or RecordingSink("c"), registry=new_registry({}))


def test_freeing_memory_unloads_models_first() -> None:
    tape = Tape()
    serve_flags({"free_memory": True}, executor(), tape.hooks())
    assert tape.calls == ["unload", "free"]


def test_models_can_be_unloaded_alone_and_false_asks_for_nothing() -> None:
    tape = Tape()
    serve_flags({"unload_models": True}, executor(), tape.hooks())
    serve_flags({"unload_models": False, "free_memory": False}, executor(), tape.hooks())
    serve_flags({}, executor(), tape.hooks())
    assert tape.calls == ["unload"]


def test_freeing_memory_forgets_the_engines_results() -> None:
    engine = executor()
    engine.caches.put(b"key", object())  # type: ignore[arg-type]
    serve_flags({"free_memory": True}, engine, WorkerHooks())
    assert engine.caches.get(b"key") is None


def test_a_hook_that_raises_does_not_end_the_worker() -> None:
    sink = RecordingSink("c")
    queue = PromptQueue(sink)
    sink.prompt_queue = queue
    seen = threading.Event()

    def broken() -> None:
        seen.set()
        raise RuntimeError("hook")

    worker = threading.Thread(
        target=run_worker, args=(queue, executor(sink), sink, WorkerHooks(unload_models=broken)), daemon=True
    )
    worker.start()
    queue.set_flag("unload_models", True)
    assert seen.wait(30)
    queue.put((0, "p", {}, {"client_id": "c"}, []))
    messages: list[Any] = []
    while not messages or messages[-1] != {"type": "executing", "data": {"node": None, "prompt_id": "p"}}:
        messages.append(sink.inbox.get(timeout=30))
    queue.close()
    worker.join(30)
    assert not worker.is_alive()
    kinds = [message["type"] for message in messages]
    assert kinds == [
        "status",
        "status",
        "execution_start",
        "execution_cached",
        "execution_success",
        "status",
        "executing",
    ]


def test_each_prompt_is_announced_with_its_extra_data_before_it_runs() -> None:
    sink = RecordingSink("c")
    queue = PromptQueue(sink)
    sink.prompt_queue = queue
    announced: list[Any] = []

    def before(extra_data: Any) -> None:
        announced.append((extra_data.get("preview_method"), sink.last_prompt_id))
        if len(announced) == 2:
            queue.close()

    queue.put((0, "a", {}, {"preview_method": "latent2rgb"}, []))
    queue.put((1, "b", {}, {}, []))
    run_worker(queue, executor(sink), sink, WorkerHooks(before_prompt=before))
    assert announced == [("latent2rgb", None), (None, "a")]
