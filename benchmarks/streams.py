"""Memory and time of a video workflow, streamed and eager: `python benchmarks/streams.py`, JSON on standard output.

Workflow: Load Video -> Get Video Components -> Upscale Image By (x2, bicubic) -> Create Video -> Save Video (mp4), the
clips 1280x720. Every run is a process of its own, so that its peak of resident memory is its own; runs of the two
modes take turns. Eager runs are left out where they would need more than half of the memory that is free.
`python benchmarks/streams.py --frames 100 300 1001 --rounds 3` is the whole table; the defaults are a few minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WIDTH, HEIGHT, SCALE = 1280, 720, 2
FLOAT32_BYTES = 4
FRAME_BYTES = WIDTH * HEIGHT * 3 * FLOAT32_BYTES
EAGER_BYTES = FRAME_BYTES * (1 + SCALE**2)
"""Per frame: the loaded one and the upscaled one, both kept to the end."""
FREE_SHARE = 0.5

Row = dict[str, Any]


def make_clip(path: str, num_frames: int, width: int, height: int) -> None:
    """A clip whose frames differ: a gradient that moves, and a little grain."""
    import torch

    from comfy_api.media.video_writer import VideoWriter

    generator = torch.Generator().manual_seed(0)
    grain = torch.rand(height, width, 3, generator=generator) * 0.05
    across = torch.linspace(0, 1, width).view(1, width, 1)
    with VideoWriter(path, 24, codec_options={"preset": "ultrafast"}) as writer:
        for number in range(num_frames):
            frame = (across + number / 100).remainder(1.0).expand(height, width, 3) * 0.9 + grain
            writer.write(frame.unsqueeze(0))
        writer.finish()


def workflow() -> dict[str, Any]:
    """The prompt."""
    return {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "clip.mp4"}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": {
            "class_type": "ImageScaleBy",
            "inputs": {"image": ["2", 0], "upscale_method": "bicubic", "scale_by": float(SCALE)},
        },
        "4": {
            "class_type": "CreateVideo",
            "inputs": {"images": ["3", 0], "fps": ["2", 2], "audio": ["2", 1]},
        },
        "5": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["4", 0], "filename_prefix": "out", "format": "mp4", "codec": "h264"},
        },
    }


def run_once(base: str, mode: str) -> Row:
    """One prompt in this process. Peak of resident memory and what it was before the prompt, in MiB; seconds."""
    import asyncio

    import folder_paths
    from comfy.memory.allocator import give_large_blocks_back
    from comfy_api.adapters import describe
    from comfy_api.frames import FRAME_KINDS
    from comfy_api.torch_modes import TorchModes
    from comfy_execution.executor import PromptExecutor
    from comfy_execution.registry import Registry
    from comfy_execution.streaming.policy import StreamMode, StreamPolicy
    from comfy_execution.validation import validate_prompt
    from comfy_extras.loading import load_builtin_nodes

    give_large_blocks_back()  # as the server does at start
    folder_paths.configure(base)
    registry = Registry(describe)
    asyncio.run(load_builtin_nodes(registry))
    policy = StreamPolicy(mode=StreamMode(mode), frame_kinds=FRAME_KINDS, modes=TorchModes())
    executor = PromptExecutor(_Silent(), registry=registry, streams=policy)
    prompt = workflow()
    ok, error, outputs, node_errors = asyncio.run(validate_prompt("run", prompt, None, registry))
    if not ok:
        raise SystemExit(f"the workflow was refused: {error} {node_errors}")
    before = _peak_mib()
    start = perf_counter()
    executor.execute(prompt, "run", {}, outputs)
    seconds = perf_counter() - start
    if not executor.success:
        raise SystemExit(f"the workflow ended with {executor.status_messages[-1]}")
    regions = [
        {"nodes": list(facts.node_ids), "chunk": facts.chunk_frames} for facts in executor.stream_facts
    ]
    return {"seconds": round(seconds, 2), "start_mib": before, "peak_mib": _peak_mib(), "regions": regions}


class _Silent:
    """A server without clients."""

    client_id: str | None = None
    last_node_id: str | None = None
    last_prompt_id: str | None = None

    def send_sync(self, event: Any, data: Any, sid: str | None = None) -> None:
        """Nobody listens."""

    def queue_updated(self) -> None:
        """Nobody listens."""


def _peak_mib() -> int:
    # not getrusage: its peak is inherited from the process that started this one
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise SystemExit("this benchmark reads peak memory from /proc")


def decoded_digest(path: str) -> str:
    """SHA-256 of the decoded frames of a file."""
    from comfy_api.media.video_reader import FrameReader

    digest = hashlib.sha256()
    reader = FrameReader(path)
    try:
        while len(frames := reader.read(8)):
            digest.update(frames.numpy().tobytes())
    finally:
        reader.close()
    return digest.hexdigest()


def measure(base: Path, mode: str) -> Row:
    """One run in a process of its own, and the digest of what it wrote."""
    for old in (base / "output").glob("*"):
        old.unlink()
    command = [sys.executable, __file__, "--child", str(base), mode]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"a run in mode {mode} ended with {ran.returncode}: {ran.stderr[-2000:]}")
    row: Row = json.loads(ran.stdout.strip().splitlines()[-1])
    (written,) = (base / "output").glob("*.mp4")
    return {**row, "digest": decoded_digest(str(written))}


def compared(num_frames: int, rounds: int, width: int, height: int) -> list[Row]:
    """Rows of both modes for one length: medians of interleaved rounds."""
    import psutil

    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for name in ("input", "output", "temp"):
            (base / name).mkdir()
        make_clip(str(base / "input" / "clip.mp4"), num_frames, width, height)
        needed = EAGER_BYTES * num_frames * width * height // (WIDTH * HEIGHT)
        modes = ["always"]
        if needed <= psutil.virtual_memory().available * FREE_SHARE:
            modes.append("never")
        found: dict[str, list[Row]] = {mode: [] for mode in modes}
        for _ in range(rounds):
            for mode in modes:
                found[mode].append(measure(base, mode))
    return [
        {
            "frames": num_frames,
            "mode": "streamed" if mode == "always" else "eager",
            "seconds": statistics.median(row["seconds"] for row in rows),
            "start_mib": rows[0]["start_mib"],
            "peak_mib": max(row["peak_mib"] for row in rows),
            "regions": rows[0]["regions"],
            "digest": rows[0]["digest"],
        }
        for mode, rows in found.items()
    ]


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[50, 100])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--size", type=int, nargs=2, default=[WIDTH, HEIGHT], metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--child", nargs=2, metavar=("BASE", "MODE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(run_once(*given.child)))
        return
    rows = [row for count in given.frames for row in compared(count, given.rounds, *given.size)]
    for row in rows:
        same = [other["digest"] for other in rows if other["frames"] == row["frames"]]
        row["modes_agree"] = len(set(same)) == 1 if len(same) > 1 else None
    print(json.dumps({"size": given.size, "scale": SCALE, "rounds": given.rounds, "runs": rows}, indent=1))


if __name__ == "__main__":
    main()
