"""Cost of the engine per no-op node: `python benchmarks/engine.py`, JSON on standard output, `--markdown` for a table.

Graphs: chains of 10, 100 and 1000 nodes and one output over 1600 sources. Runs: cold (nothing cached), changed root
(every node again), all cached. Each without and with a connected client (whose messages are built and dropped).
Times are microseconds per node of a whole run of a validated prompt, the best of several runs. Last, a chain of 1000
through a whole server with a connected client, in milliseconds (`engine_server.py`).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.engine_server import measure_server
from comfy_api.adapters import describe
from comfy_execution.caching.modes import CacheType
from comfy_execution.executor import PromptExecutor
from comfy_execution.registry import Registry
from comfy_execution.validation import validate_prompt

ROUNDS = 25
CHAINS = (10, 100, 1000)
FAN_IN = 1600
CLIENT = "benchmark"

Prompt = dict[str, dict[str, Any]]


class Pass:
    """Returns its input."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """One number."""
        return {"required": {"value": ("INT", {"default": 0})}}

    def run(self, value: int) -> tuple[int]:
        """The number."""
        return (value,)


class Sink:
    """Output node with one input."""

    OUTPUT_NODE = True
    RETURN_TYPES = ()
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """One number."""
        return {"required": {"value": ("INT", {"default": 0})}}

    def run(self, value: int, **_: int) -> dict[str, Any]:
        """Shows the number."""
        return {"ui": {"text": [str(value)]}}


class WideSink(Sink):
    """Output node with very many inputs."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """One number needed, more welcome."""
        more: dict[str, Any] = {f"in{i}": ("INT", {}) for i in range(FAN_IN)}
        return {"required": {"value": ("INT", {"default": 0})}, "optional": more}


class Listener:
    """A server whose client may be there or not; keeps the times of the two milestones."""

    def __init__(self, *, is_connected: bool) -> None:
        self.client_id: str | None = None
        self.last_node_id: str | None = None
        self.last_prompt_id: str | None = None
        self.sockets = {CLIENT: self} if is_connected else {}
        self.num_messages = 0

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Counts."""
        self.num_messages += 1

    def queue_updated(self) -> None:
        """Nobody asks."""


def chain(length: int, first: int) -> Prompt:
    """A number handed through `length` nodes into an output."""
    nodes: Prompt = {"0": {"class_type": "Pass", "inputs": {"value": first}}}
    for i in range(1, length):
        nodes[str(i)] = {"class_type": "Pass", "inputs": {"value": [str(i - 1), 0]}}
    nodes["out"] = {"class_type": "Sink", "inputs": {"value": [str(length - 1), 0]}}
    return nodes


def fan(width: int, first: int) -> Prompt:
    """One output over `width` nodes."""
    nodes: Prompt = {
        str(i): {"class_type": "Pass", "inputs": {"value": first * width + i}} for i in range(width)
    }
    links = {f"in{i}": [str(i), 0] for i in range(width)}
    nodes["out"] = {"class_type": "WideSink", "inputs": {"value": ["0", 0], **links}}
    return nodes


def timed(executor: PromptExecutor, prompt: Prompt) -> float:
    """Seconds of one run, from the call to its end: a little more than between the two milestones."""
    started = perf_counter()
    executor.execute(prompt, "p", {"client_id": CLIENT}, ["out"])
    seconds = perf_counter() - started
    assert executor.success, executor.status_messages
    return seconds


def measure(make: Any, size: int, *, is_connected: bool) -> dict[str, float]:
    """Microseconds per node of the three kinds of run."""
    registry = Registry(describe)
    registry.classes.update(Pass=Pass, Sink=Sink, WideSink=WideSink)
    best: dict[str, float] = {}
    for i in range(ROUNDS):
        executor = PromptExecutor(Listener(is_connected=is_connected), CacheType.CLASSIC, registry=registry)
        prompt = make(size, i + 1)
        assert asyncio.run(validate_prompt("p", prompt, None, registry))[0]
        times = {
            "cold": timed(executor, prompt),
            "changed_root": timed(executor, make(size, i + 100)),
            "all_cached": timed(executor, make(size, i + 100)),
        }
        executor.close()
        for kind, seconds in times.items():
            cost = round(seconds / (size + 1) * 1e6, 2)
            best[kind] = min(best.get(kind, cost), cost)
    return best


def markdown(table: dict[str, dict[str, dict[str, float]]], server: dict[str, float]) -> str:
    """The numbers as tables."""
    lines = ["| microseconds per node | cold | changed root | all cached |", "|---|---|---|---|"]
    for name, graphs in table.items():
        for graph, cost in graphs.items():
            cells = " | ".join(f"{cost[kind]:g}" for kind in ("cold", "changed_root", "all_cached"))
            lines.append(f"| {graph}, {name.replace('_', ' ')} | {cells} |")
    lines += ["", "| POST /prompt to `executing` null, one client | cold | all cached |", "|---|---|---|"]
    lines.append(f"| chain_{CHAINS[-1]}, ms | {server['cold']:g} | {server['all_cached']:g} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    table = {}
    for name, is_connected in (("without_client", False), ("with_client", True)):
        table[name] = {f"chain_{n}": measure(chain, n, is_connected=is_connected) for n in CHAINS}
        table[name][f"fan_{FAN_IN}"] = measure(fan, FAN_IN, is_connected=is_connected)
    server = measure_server(chain, CHAINS[-1], ROUNDS)
    if "--markdown" in sys.argv[1:]:
        print(markdown(table, server))
        return
    found = {"unit": "microseconds per node", "rounds": ROUNDS, "results": table, "server_ms": server}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
