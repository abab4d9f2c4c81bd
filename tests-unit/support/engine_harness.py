"""The engine on a bench: a sink that records messages, a worker in its own thread, and the steps of trace cases.

No server and no HTTP: prompts go through validation, queue, worker and executor exactly as they do behind one.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import importlib.util
import json
import queue as stdlib_queue
import sys
import threading
import types
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comfy.interruption import interrupt_current_processing
from comfy_api.adapters import describe
from comfy_execution.caching.modes import CacheType
from comfy_execution.executor import PromptExecutor
from comfy_execution.progress import ProgressHook
from comfy_execution.queue import PromptQueue
from comfy_execution.registry import Registry
from comfy_execution.validation import validate_prompt
from comfy_execution.worker import run_worker

TRACES = Path(__file__).parents[1] / "data" / "traces"
WAIT_S = 30.0
"""Longest a test waits for a message: far beyond what any case needs, so that only a hang reaches it."""


def load_trace_tool() -> types.ModuleType:
    """The recording tool as a module, for its normalisation rules."""
    spec = importlib.util.spec_from_file_location("trace_tool", TRACES / "trace_tool.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class RecordingSink:
    """A server without network: keeps what a client named `cid` and everybody would get."""

    def __init__(self, cid: str, flags: dict[str, Any] | None = None) -> None:
        self.client_id: str | None = None
        self.last_node_id: str | None = None
        self.last_prompt_id: str | None = None
        self.sockets = {cid: object()}
        self.sockets_metadata = {cid: {"feature_flags": flags or {}}}
        self.prompt_queue: PromptQueue | None = None
        self.inbox: stdlib_queue.Queue[dict[str, Any]] = stdlib_queue.Queue()
        self.cid = cid

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        if sid in (None, self.cid):
            self.inbox.put(self._decoded(event, data))

    def send_progress_text(self, text: str, node_id: str, sid: str | None = None) -> None:
        length = 4 + len(node_id.encode()) + len(text.encode()) + 4
        self.inbox.put({"binary": 3, "length": length, "node_id": node_id, "text": text})

    def queue_updated(self) -> None:
        remaining = 0 if self.prompt_queue is None else self.prompt_queue.get_tasks_remaining()
        self.send_sync("status", {"status": {"exec_info": {"queue_remaining": remaining}}})

    @staticmethod
    def _decoded(event: str | int, data: Any) -> dict[str, Any]:
        if isinstance(event, str):
            return copy.deepcopy({"type": event, "data": data})
        picture = data if event == 2 else data[0]
        magic = "89504e47" if picture[0] == "PNG" else "ffd8ffe0"
        if event == 2:
            return {"binary": 1, "format": 2 if picture[0] == "PNG" else 1, "magic": magic}
        return {"binary": 4, "metadata": copy.deepcopy(data[1]), "magic": magic}


class Bench:
    """Queue, executor and worker thread around one sink."""

    def __init__(
        self,
        registry: Registry,
        sink: RecordingSink,
        cache_type: CacheType = CacheType.CLASSIC,
        **cache_args: Any,
    ) -> None:
        self.registry, self.sink = registry, sink
        self.queue = PromptQueue(sink)
        sink.prompt_queue = self.queue
        self.executor = PromptExecutor(sink, cache_type, cache_args, registry=registry)
        self.hook = ProgressHook(sink)
        self.number = 0
        self._worker = threading.Thread(
            target=run_worker, args=(self.queue, self.executor, sink), name="engine", daemon=True
        )

    def __enter__(self) -> Bench:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.queue.close()
        interrupt_current_processing()
        self._worker.join(WAIT_S)
        interrupt_current_processing(False)
        assert not self._worker.is_alive()

    def post(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What POST /prompt answers, without the parts that belong to the server."""
        if "number" in body:
            number = float(body["number"])
        else:
            number = -self.number if body.get("front") else self.number
            self.number += 1
        prompt_id = body.get("prompt_id") or str(uuid.uuid4())
        prompt = copy.deepcopy(body["prompt"])
        ok, error, outputs, node_errors = asyncio.run(
            validate_prompt(prompt_id, prompt, body.get("partial_execution_targets"), self.registry)
        )
        if not ok:
            return 400, {"error": error, "node_errors": node_errors}
        extra_data = {**body.get("extra_data", {})}
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        self.queue.put((number, prompt_id, prompt, extra_data, outputs, {}))
        return 200, {"prompt_id": prompt_id, "number": number, "node_errors": node_errors}

    def run(self, prompt: dict[str, Any], **body: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Runs a prompt of the sink's client to its end; (history entry, messages since)."""
        status, answer = self.post({"prompt": prompt, "client_id": self.sink.cid, **body})
        assert status == 200, answer
        prompt_id = answer["prompt_id"]
        messages = []
        while True:
            messages.append(self.sink.inbox.get(timeout=WAIT_S))
            data = messages[-1].get("data", {})
            if messages[-1].get("type") == "executing" and data == {"node": None, "prompt_id": prompt_id}:
                return self.queue.get_history(prompt_id)[prompt_id], messages


def load_contract_pack(sink: RecordingSink) -> dict[str, type]:
    """The trace pack's node classes, with `server.PromptServer.instance` being `sink`."""
    fake = types.ModuleType("server")
    fake.PromptServer = types.SimpleNamespace(instance=sink)  # type: ignore[attr-defined]
    with swapped_modules(server=fake):
        spec = importlib.util.spec_from_file_location("contract_nodes", TRACES / "contract_nodes/__init__.py")
        assert spec is not None and spec.loader is not None
        pack = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(pack)
    return dict(pack.NODE_CLASS_MAPPINGS)


@contextlib.contextmanager
def swapped_modules(**modules: types.ModuleType) -> Iterator[None]:
    """Modules that importers see for a moment."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class CaseRun:
    """Plays one recorded case on a bench, in the form the recording has."""

    def __init__(self, tool: types.ModuleType, case: dict[str, Any], registry: Registry) -> None:
        self.case = case
        self.run = tool.Run.__new__(tool.Run)
        self.run.cid = uuid.uuid4().hex
        self.run.labels, self.run.ids = {}, {}
        self.sink = RecordingSink(self.run.cid, case.get("feature_flags"))
        self.bench = Bench(registry, self.sink)
        self.log: list[dict[str, Any]] = []
        self.answers: list[Any] = []

    def play(self) -> dict[str, Any]:
        """Messages, answers of POST /prompt and history entries, normalised."""
        with self.bench:
            for step in self.case["steps"]:
                getattr(self, f"_{step['op']}")(step)
            entries = {
                label: json.loads(json.dumps(self.bench.queue.get_history(prompt_id).get(prompt_id)))
                for label, prompt_id in self.run.ids.items()
            }
        while not self.sink.inbox.empty():
            self.log.append(self.sink.inbox.get())
        for entry in filter(None, entries.values()):
            entry["prompt"][4] = sorted(entry["prompt"][4])
        return {
            "ws": self.run.norm(self.log),
            "answers": self.run.norm(self.answers),
            "history": self.run.norm(entries),
        }

    def _prompt(self, step: dict[str, Any]) -> None:
        body = self.run.sub(step["body"])
        if step.get("client", True):
            body["client_id"] = self.run.cid
        status, answer = self.bench.post(body)
        if "number" in answer and "number" not in step["body"]:
            answer["number"] = "NUMBER" if answer["number"] >= 0 else "-NUMBER"
        if "prompt_id" in answer:
            self.run.labels[answer["prompt_id"]] = step["label"]
            self.run.ids[step["label"]] = answer["prompt_id"]
        self.answers.append([status, answer])

    def _receive(self) -> dict[str, Any]:
        self.log.append(self.sink.inbox.get(timeout=WAIT_S))
        return self.log[-1]

    def _wait(self, step: dict[str, Any]) -> None:
        end = {"node": None, "prompt_id": self.run.ids[step["label"]]}
        while self._receive() != {"type": "executing", "data": end}:
            pass

    def _wait_message(self, step: dict[str, Any]) -> None:
        wanted = self.run.sub(step.get("match", {})).items()
        while True:
            message = self._receive()
            if message.get("type") == step["type"] and wanted <= message["data"].items():
                return

    def _wait_history(self, step: dict[str, Any]) -> None:
        idle = {"status": {"exec_info": {"queue_remaining": 0}}}
        while self._receive() != {"type": "status", "data": idle}:
            pass

    def _drain(self, step: dict[str, Any]) -> None:
        """Nothing to wait for: `play` empties the inbox at the end."""

    def _sleep(self, step: dict[str, Any]) -> None:
        """The worker serves flags before it takes the next prompt, so no time has to pass."""

    def _http(self, step: dict[str, Any]) -> None:
        body = self.run.sub(step.get("json", {}))
        queue = self.bench.queue
        match step["method"], step["path"]:
            case "POST", "/interrupt":
                if "prompt_id" in body:
                    queue.interrupt_if_running(body["prompt_id"])
                else:
                    interrupt_current_processing()
            case "POST", "/free":
                for name, value in body.items():
                    queue.set_flag(name, value)
            case "POST", "/queue":
                if body.get("clear"):
                    queue.wipe_queue()
                for doomed in body.get("delete", []):
                    queue.delete_queue_item(lambda item, doomed=doomed: item[1] == doomed)
            case "POST", "/history":
                if body.get("clear"):
                    queue.wipe_history()
                for doomed in body.get("delete", []):
                    queue.delete_history_item(doomed)
            case _:
                return


def recorded(name: str, ids: dict[str, str]) -> dict[str, Any]:
    """The recording in the form `CaseRun.play` gives; the socket's own first messages are left out."""
    trace = json.loads((TRACES / f"{name}.json").read_text(encoding="utf-8"))
    return {
        "ws": [
            message
            for message in trace["ws"]
            if message.get("type") != "feature_flags" and "sid" not in message.get("data", {})
        ],
        "answers": [[step["status"], step["answer"]] for step in trace["steps"] if step["op"] == "prompt"],
        "history": trace["history"],
    }


def new_registry(classes: dict[str, type]) -> Registry:
    """A registry of these classes."""
    registry = Registry(describe)
    registry.classes.update(classes)
    return registry
