"""What the engine itself costs per chunk: a region of nodes that do nothing, stepped to its end.

    python benchmarks/stream_engine.py [number of chunks]

Prints microseconds per step of the sink, for a chain and for a fan-out. A step pulls one chunk through every member.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

from comfy_api.adapters import describe
from comfy_api.frames import FRAME_KINDS
from comfy_api.streams import ImageStreamInput
from comfy_api.torch_modes import TorchModes
from comfy_execution.executor import PromptExecutor
from comfy_execution.registry import Registry
from comfy_execution.streaming.policy import StreamPolicy

CHUNK = 8


class Sink:
    """A server that nobody listens to."""

    client_id: str | None = None
    last_node_id: str | None = None
    last_prompt_id: str | None = None
    sockets: dict[str, object] = {}

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Nothing to send."""

    def queue_updated(self) -> None:
        """Nobody asks."""


class Blank(ImageStreamInput):
    """Frames without content, made at no cost."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = self.frame_count = n
        self.frames = torch.zeros(CHUNK, 1, 1, 3)

    def get_dimensions(self) -> tuple[int, int] | None:
        """One pixel."""
        return (1, 1)

    def do_reset(self) -> None:
        """Back to the first."""
        self.at = 0

    def do_pull(self, max_frames: int) -> Any:
        """The same frames again."""
        count = min(max_frames, self.n - self.at)
        self.at += count
        return self.frames[:count]


class Wire(ImageStreamInput):
    """Passes on."""

    def __init__(self, stream: ImageStreamInput) -> None:
        super().__init__()
        self.stream = stream

    def get_dimensions(self) -> tuple[int, int] | None:
        """As what comes in."""
        return self.stream.get_dimensions()

    def do_reset(self) -> None:
        """Resets what it reads."""
        self.stream.reset()

    def do_pull(self, max_frames: int) -> Any:
        """What comes in."""
        return self.stream.pull(max_frames)


class Source:
    """n frames."""

    INPUT_TYPES: Any = classmethod(lambda cls: {"required": {"n": ("INT", {})}})
    RETURN_TYPES = ("IMAGE_STREAM",)
    FUNCTION = "run"

    def run(self, n: int) -> tuple[Any]:
        """Opens."""
        return (Blank(n),)


class Pass:
    """An interposer."""

    INPUT_TYPES: Any = classmethod(lambda cls: {"required": {"stream": ("IMAGE_STREAM", {})}})
    RETURN_TYPES = ("IMAGE_STREAM",)
    FUNCTION = "run"

    def run(self, stream: Any) -> tuple[Any]:
        """Opens."""
        return (Wire(stream),)


class Drain:
    """A sink."""

    INPUT_TYPES: Any = classmethod(lambda cls: {"required": {"stream": ("IMAGE_STREAM", {})}})
    RETURN_TYPES = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    def run(self, stream: Any) -> Any:
        """Pulls to the end."""
        for chunk in stream.chunks():
            yield len(chunk)


class Plain(Drain):
    """A sink in a thread of its own."""

    def run(self, stream: Any) -> tuple[()]:
        """Pulls to the end."""
        for _ in stream.chunks():
            pass
        return ()


def node(class_type: str, source: int) -> dict[str, Any]:
    """One node of a prompt."""
    return {"class_type": class_type, "inputs": {"stream": [str(source), 0]}}


def graphs(frames: int) -> dict[str, tuple[dict[str, Any], int]]:
    """Name -> (prompt, number of sinks)."""
    source = {"0": {"class_type": "Source", "inputs": {"n": frames}}}
    return {
        "source -> sink": ({**source, "1": node("Drain", 0)}, 1),
        "source -> plain function": ({**source, "1": node("Plain", 0)}, 1),
        "source -> 3 interposers -> sink": (
            {**source, **{str(i): node("Pass", i - 1) for i in (1, 2, 3)}, "4": node("Drain", 3)},
            1,
        ),
        "source -> 2 sinks": ({**source, "1": node("Drain", 0), "2": node("Drain", 0)}, 2),
    }


def main() -> None:
    """Prints the table."""
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    registry = Registry(describe)
    registry.classes.update({"Source": Source, "Pass": Pass, "Drain": Drain, "Plain": Plain})
    policy = StreamPolicy(chunk_frames=CHUNK, frame_kinds=FRAME_KINDS, modes=TorchModes())
    for name, (prompt, sinks) in graphs(chunks * CHUNK).items():
        times = []
        for _ in range(5):
            executor = PromptExecutor(Sink(), registry=registry, streams=policy)
            started = time.perf_counter()
            executor.execute(
                prompt, "p", {}, [i for i in prompt if prompt[i]["class_type"] in ("Drain", "Plain")]
            )
            times.append(time.perf_counter() - started)
            assert executor.success, executor.status_messages[-1]
            executor.close()
        print(f"{name:35} {sorted(times)[2] / chunks / sinks * 1e6:7.1f} us per step")


if __name__ == "__main__":
    main()
