"""How fast latents become frames: the reference encoder, our numpy path and our torch path, in one process.

One thread each. The three take turns, clip by clip, so that whatever else the machine does hits all alike;
times are medians over all frames of a kind. Every byte is compared before anything is timed.
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from codec_transport import LatentStreamEncoder, LatentStreamWriter
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, PIPELINES

try:
    from codecai.server import LatentStreamEncoder as ReferenceEncoder
except ImportError:  # a bench dependency: pip install codecai==0.4.1
    ReferenceEncoder = None

SPACE_ID = "stabilityai/wan-vae-2.1"
SHAPES = ((4, 32, 32), (4, 64, 64), (16, 60, 104), (16, 128, 128))
KEYFRAME_INTERVAL = 12
CLIP_FRAMES = 25  # keyframes at 0, 12 and 24; the first, which also sets the encoder up, is told apart
GROUP = 24  # frames from one keyframe to the next, as the maps say
CORRELATION = 0.99  # of neighbouring frames; residuals of such clips never clamp
MEMORY_FRAMES = 120
MEMORY_SHAPE = (16, 256, 256)  # 2 MiB a frame: large enough to be seen in the size of a process

Frames = list[npt.NDArray[np.float16]]


@dataclass(frozen=True, slots=True)
class Contender:
    """One encoder. make: from shape and pipeline. as_input: what its frames are made of."""

    name: str
    make: Callable[[tuple[int, ...], str], Any]
    as_input: Callable[[npt.NDArray[np.float16]], Any]


def contenders() -> list[Contender]:
    """The reference where it is installed, then ours."""

    def maker(encoder: Any) -> Callable[[tuple[int, ...], str], Any]:
        def make(shape: tuple[int, ...], pipeline: str) -> Any:
            is_static = pipeline in ("int8", "int4")
            scales = np.full(shape[0], 4.5, np.float32) if is_static else None
            return encoder(SPACE_ID, shape, "fp16", pipeline, static_scales=scales)

        return make

    found = [
        Contender("numpy", maker(LatentStreamEncoder), lambda frame: frame),
        Contender("torch", maker(LatentStreamEncoder), torch.from_numpy),
    ]
    if ReferenceEncoder is not None:
        found.insert(0, Contender("reference", maker(ReferenceEncoder), lambda frame: frame))
    return found


def clip(shape: tuple[int, ...], num_frames: int) -> Frames:
    """First-order Gaussian motion of unit variance, cast to fp16 as the server does before it encodes."""
    random = np.random.default_rng(1)
    frame = random.standard_normal(shape).astype(np.float32)
    frames = []
    for _ in range(num_frames):
        frames.append(frame.astype(np.float16))
        noise = random.standard_normal(shape).astype(np.float32)
        frame = CORRELATION * frame + np.float32(np.sqrt(1 - CORRELATION**2)) * noise
    return frames


def encoded(
    contender: Contender, frames: Sequence[Any], shape: tuple[int, ...], pipeline: str
) -> Iterator[bytes]:
    """Header and frames of a clip."""
    encoder = contender.make(shape, pipeline)
    yield encoder.header()
    is_delta = PIPELINE_LAYOUTS[pipeline].is_delta
    for i, frame in enumerate(frames):
        yield encoder.frame(frame, seq=i, keyframe=not is_delta or i % KEYFRAME_INTERVAL == 0)


def timed(contender: Contender, frames: Sequence[Any], shape: tuple[int, ...], pipeline: str) -> list[float]:
    """Seconds per frame message; the messages are dropped, as a server does that has sent them."""
    times = []
    messages = encoded(contender, frames, shape, pipeline)
    next(messages)
    for _ in frames:
        start = perf_counter()
        next(messages)
        times.append(perf_counter() - start)
    return times


def measure_speed(rounds: int) -> list[dict[str, Any]]:
    """One row per shape, pipeline and kind of frame: microseconds and MB/s (of fp16 input) per contender."""
    torch.set_num_threads(1)
    rows = []
    everyone = contenders()
    for shape in SHAPES:
        frames = clip(shape, CLIP_FRAMES)
        inputs = {one.name: [one.as_input(frame) for frame in frames] for one in everyone}
        for pipeline in PIPELINES:
            bodies = [list(encoded(one, inputs[one.name], shape, pipeline)) for one in everyone]
            assert all(body == bodies[0] for body in bodies), f"{shape} {pipeline}: bytes differ"
            times: dict[str, list[list[float]]] = {one.name: [] for one in everyone}
            for _ in range(rounds):
                for one in everyone:
                    times[one.name].append(timed(one, inputs[one.name], shape, pipeline))
            rows += rows_of(shape, pipeline, times, frames[0].nbytes)
    return rows


def rows_of(
    shape: tuple[int, ...], pipeline: str, times: dict[str, list[list[float]]], num_bytes: int
) -> list[dict[str, Any]]:
    """Medians by kind of frame, with the ratio to the reference."""
    is_delta = PIPELINE_LAYOUTS[pipeline].is_delta
    later = range(1, CLIP_FRAMES)
    kinds: dict[str, list[int]] = {"frame": list(later)}
    if is_delta:
        kinds = {
            "keyframe": [i for i in later if i % KEYFRAME_INTERVAL == 0],
            "delta frame": [i for i in later if i % KEYFRAME_INTERVAL],
        }
    middles = {
        kind: {
            name: median(clip_times[i] for clip_times in rounds for i in places)
            for name, rounds in times.items()
        }
        for kind, places in kinds.items()
    }
    if is_delta:
        middles[f"mean of {GROUP}"] = {
            name: (middles["keyframe"][name] + (GROUP - 1) * middles["delta frame"][name]) / GROUP
            for name in times
        }
    middles["first frame"] = {
        name: median(clip_times[0] for clip_times in rounds) for name, rounds in times.items()
    }
    rows = []
    for kind, seconds in middles.items():
        row: dict[str, Any] = {"shape": list(shape), "pipeline": pipeline, "kind": kind}
        for name, middle in seconds.items():
            row[name] = {"us": round(middle * 1e6, 1), "mb_per_s": round(num_bytes / middle / 1e6)}
            if "reference" in seconds:
                row[name]["times_reference"] = round(seconds["reference"] / middle, 2)
        rows.append(row)
    return rows


def measure_copies() -> dict[str, Any]:
    """What one encoded frame of 16x60x104 int8-adaptive allocates, in payloads, and whether the payload is shared."""
    shape = (16, 60, 104)
    frame = clip(shape, 1)[0]
    payload_bytes = frame.size + 2 * shape[0]
    found: dict[str, Any] = {"payload_bytes": payload_bytes}
    for one in contenders():
        encoder = one.make(shape, "int8-adaptive")
        value = one.as_input(frame)
        encoder.frame(value, seq=0, keyframe=True)
        tracemalloc.start()
        encoder.frame(value, seq=1, keyframe=True)
        found[one.name] = {
            "peak_of_one_message_in_payloads": round(tracemalloc.get_traced_memory()[1] / payload_bytes, 2)
        }
        tracemalloc.stop()
    for one in contenders():
        if one.name == "reference":
            continue
        encoder = one.make(shape, "int8-adaptive")
        writer = LatentStreamWriter(encoder)
        writer.header()
        buffers = writer.frame(one.as_input(frame), last=True)
        shared = [buffer for buffer in buffers if len(buffer) == payload_bytes]
        is_shared = len(shared) == 1 and isinstance(shared[0], memoryview)
        # the server writes these buffers to the socket one by one
        found[one.name]["copies_after_quantising_in_the_server"] = 0 if is_shared else 1
        found[one.name]["copies_after_quantising_in_frame()"] = 1
    return found


def measure_memory() -> dict[str, Any]:
    """Growth of a process while it encodes 120 frames, in frames, each path in a process of its own."""
    found: dict[str, Any] = {
        "frames": MEMORY_FRAMES,
        "shape": list(MEMORY_SHAPE),
        "frame_bytes": 2 * int(np.prod(MEMORY_SHAPE)),
    }
    for name in ("numpy", "torch"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.wire_speed", name],
            cwd=Path(__file__).resolve().parents[1],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        found[name] = {"peak_extra_frames": round(float(done.stdout.split()[-1]) / found["frame_bytes"], 2)}
    return found


def encode_and_tell_growth(name: str) -> None:
    """Prints by how many bytes the process's resident size was larger than before the stream, at most."""
    torch.set_num_threads(1)
    (one,) = (contender for contender in contenders() if contender.name == name)
    random = np.random.default_rng(2)
    # the frames exist before the stream does: what grows is the encoder's
    frames = [
        one.as_input(random.standard_normal(MEMORY_SHAPE, np.float32).astype(np.float16)) for _ in range(2)
    ]
    list(encoded(one, [one.as_input(frame) for frame in clip((4, 32, 32), 3)], (4, 32, 32), "delta+int8"))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = largest = resident_bytes()
    writer = LatentStreamWriter(one.make(MEMORY_SHAPE, "delta+int8"), keyframe_interval=KEYFRAME_INTERVAL)
    writer.header()
    for i in range(MEMORY_FRAMES):
        buffers = writer.frame(frames[i % 2], last=i == MEMORY_FRAMES - 1)
        largest = max(largest, resident_bytes())
        del buffers
    print(largest - before)


def resident_bytes() -> int:
    """Resident size of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


if __name__ == "__main__":
    encode_and_tell_growth(sys.argv[1])
