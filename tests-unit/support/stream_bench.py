"""Runs stream graphs on the real engine and checks what every run keeps: lifecycle of messages, opens = closes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from engine_harness import Bench, RecordingSink, new_registry
from stream_nodes import EXPLICIT, LOG

from comfy_api.frames import FRAME_KINDS
from comfy_api.torch_modes import TorchModes
from comfy_execution.caching.modes import CacheType
from comfy_execution.executor import PromptExecutor
from comfy_execution.streaming.policy import StreamMode, StreamPolicy

CLIENT = "client"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def check_lifecycle(messages: list[dict[str, Any]], *, succeeded: bool, lazy: set[str] = frozenset()) -> None:
    """Per node: executing once, then progress, then at most one executed, then finished once, then nothing."""
    executing: dict[str, int] = defaultdict(int)
    executed: dict[str, int] = defaultdict(int)
    value: dict[str, float] = {}
    finished: set[str] = set()
    cached: set[str] = set()
    for message in messages:
        data = message.get("data", {})
        kind = message.get("type")
        if kind == "execution_cached":
            cached = set(data["nodes"])
        elif kind == "executing" and data["node"] is not None:
            executing[data["node"]] += 1
            assert data["node"] not in finished, f"{data['node']} is executing after it finished"
        elif kind == "executed":
            executed[data["node"]] += 1
            assert executed[data["node"]] == 1, f"{data['node']} was executed twice"
            assert data["node"] not in finished, f"{data['node']} was executed after it finished"
        elif kind == "progress":
            assert data["node"] not in finished, f"progress of {data['node']} after it finished"
        elif kind == "progress_state":
            for node_id, entry in data["nodes"].items():
                if node_id in finished:
                    assert entry["state"] == "finished", f"{node_id} came back after it had finished"
                elif entry["state"] == "finished":
                    finished.add(node_id)
                    assert entry["value"] == entry["max"]
                else:
                    assert node_id in executing or not entry["value"], (
                        f"progress of {node_id} before it was executing"
                    )
                    assert entry["value"] >= value.get(node_id, 0), f"progress of {node_id} fell"
                    value[node_id] = entry["value"]
    for node_id, count in executing.items():
        assert count == 1 or node_id in lazy, f"{node_id} was executing {count} times"
        assert not succeeded or node_id in finished, f"{node_id} never finished"
    for node_id in executed:
        assert node_id in executing or node_id in cached or not succeeded or node_id in finished


class StreamBench(Bench):
    """A bench whose engine streams, with budgets in frames."""

    def __init__(
        self, classes: dict[str, type] | None = None, cache=CacheType.CLASSIC, **policy: Any
    ) -> None:
        sink = RecordingSink(CLIENT)
        super().__init__(new_registry({**EXPLICIT, **(classes or {})}), sink, cache)
        policy = {"chunk_frames": 8, "mode": StreamMode.NEVER, "abandon_grace_s": 0.2, **policy}
        self.executor = PromptExecutor(
            sink,
            cache,
            registry=self.registry,
            streams=StreamPolicy(frame_kinds=FRAME_KINDS, modes=TorchModes(), **policy),
        )
        self._worker._args = (self.queue, self.executor, sink)
        LOG.clear()

    def stream(
        self, prompt: dict[str, Any], *, ok: bool | None = True, lazy: set[str] = frozenset()
    ) -> dict[str, Any]:
        """Runs a prompt, checks what must always hold; gives the last status message's data."""
        entry, self.messages = self.run(prompt)
        status = entry["status"]
        self.prompt_id = entry["prompt"][1]
        self.history = entry
        if ok is not None:
            assert status["completed"] is ok, status["messages"][-1]
        check_lifecycle(self.messages, succeeded=status["completed"], lazy=lazy)
        assert sorted(LOG.opens) == sorted(name for name, _ in LOG.closes if name in LOG.opens)
        assert not LOG.partial
        return status["messages"][-1][1]

    @property
    def tee(self) -> int:
        """Frames held by the fullest tee at its worst moment."""
        return max((facts.peak_tee_frames for facts in self.executor.stream_facts), default=0)

    @property
    def spilled(self) -> int:
        return sum(facts.spilled_frames for facts in self.executor.stream_facts)
