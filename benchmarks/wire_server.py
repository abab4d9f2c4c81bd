"""The wire's endpoints under load: refusals, first bytes, 64 slow readers, memory. Real server, demo model, CPU.

Usage: python benchmarks/wire_server.py [--streams 64] [--rounds 4]

A slow reader takes 2 KiB of its clip every 50 ms through a small receive buffer. Beside the readers one client asks
/system_stats ten times a second, and one posts ordinary prompts one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "models/checkpoints/codec-demo-sd1.safetensors"
MIB = 1024 * 1024
CHUNK_BYTES, PAUSE_S, RECEIVE_BUFFER_BYTES = 2048, 0.05, 4096
CLIP = {"modality": "video-latents", "size": "128x128", "frames": 24, "steps": 2, "pipeline": "raw"}
QUICK = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


@asynccontextmanager
async def running_server() -> AsyncIterator[tuple[str, psutil.Process]]:
    """Base URL and process of a server with folders of its own."""
    with tempfile.TemporaryDirectory() as base, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        checkpoints = Path(base) / "models/checkpoints"
        checkpoints.mkdir(parents=True)
        shutil.copy(DEMO, checkpoints)
        command = [sys.executable, "main.py", "--cpu", "--port", str(port), "--base-directory", base]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
        )
        try:
            url = f"http://127.0.0.1:{port}"
            while process.returncode is None:
                try:
                    await asyncio.to_thread(urllib.request.urlopen, f"{url}/health", timeout=5)
                    break
                except OSError:
                    await asyncio.sleep(0.1)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()
            await process.wait()


async def refusal_ms(session: aiohttp.ClientSession, url: str, num_requests: int = 500) -> list[float]:
    """Milliseconds from request to the whole refusal of a pipeline that does not exist, sorted."""
    taken = []
    for _ in range(num_requests):
        start = time.perf_counter()
        body = {"prompt": "cat", "modality": "image-latents", "pipeline": "int6"}
        async with session.post(f"{url}/v1/images/generations", json=body) as answer:
            await answer.read()
            assert answer.status == 400
        taken.append((time.perf_counter() - start) * 1000)
    return sorted(taken)


async def first_bytes_ms(session: aiohttp.ClientSession, url: str) -> tuple[float, float, float]:
    """Milliseconds to the stream header, to the first frame and to the end of a clip of 24 frames, 20 steps."""
    start = time.perf_counter()
    body = {**CLIP, "prompt": "cat -> dog", "steps": 20}
    async with session.post(f"{url}/v1/videos/generations", json=body) as answer:
        marks = []
        async for _ in answer.content.iter_any():
            marks.append((time.perf_counter() - start) * 1000)
    return marks[0], marks[1], marks[-1]


async def read_slowly(url: str, seed: int) -> int:
    """Bytes of one clip, read in small pieces."""
    parts = urlsplit(url)
    receiver = socket.socket()
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    receiver.setblocking(False)
    await asyncio.get_running_loop().sock_connect(receiver, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=receiver, limit=RECEIVE_BUFFER_BYTES)
    body = json.dumps({**CLIP, "prompt": "cat -> dog", "seed": seed}).encode()
    head = f"POST /v1/videos/generations HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    num_bytes = 0
    while chunk := await reader.read(CHUNK_BYTES):
        num_bytes += len(chunk)
        await asyncio.sleep(PAUSE_S)
    writer.close()
    return num_bytes


async def watch(session: aiohttp.ClientSession, url: str, taken: list[float]) -> None:
    """Milliseconds of /system_stats, ten times a second."""
    while True:
        start = time.perf_counter()
        async with session.get(f"{url}/system_stats") as answer:
            await answer.read()
        taken.append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(0.1)


async def ordinary_prompts(session: aiohttp.ClientSession, url: str, taken: list[float]) -> None:
    """Seconds from POST /prompt to its history entry, one prompt after the other."""
    while True:
        start = time.perf_counter()
        async with session.post(f"{url}/prompt", json={"prompt": QUICK}) as answer:
            prompt_id = (await answer.json())["prompt_id"]
        while True:
            async with session.get(f"{url}/history/{prompt_id}") as answer:
                if await answer.json():
                    break
            await asyncio.sleep(0.02)
        taken.append(time.perf_counter() - start)


async def load(session: aiohttp.ClientSession, url: str, process: psutil.Process, options: Any) -> None:
    """Rounds of slow readers beside a watcher and an ordinary client."""
    latencies: list[float] = []
    prompts: list[float] = []
    background = [
        asyncio.create_task(watch(session, url, latencies)),
        asyncio.create_task(ordinary_prompts(session, url, prompts)),
    ]
    for number in range(options.rounds):
        start = time.perf_counter()
        sizes = await asyncio.gather(
            *(read_slowly(url, number * 1000 + i) for i in range(options.streams)),
        )
        taken = time.perf_counter() - start
        print(
            f"round {number + 1}: {options.streams} streams of {min(sizes)} to {max(sizes)} bytes in {taken:.1f} s, "
            f"server {process.memory_info().rss / MIB:.0f} MiB"
        )
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    latencies.sort()
    print(
        f"/system_stats, {len(latencies)} requests: median {statistics.median(latencies):.1f} ms, "
        f"p99 {latencies[int(len(latencies) * 0.99)]:.1f} ms, longest {latencies[-1]:.1f} ms"
    )
    print(
        f"/prompt, {len(prompts)} prompts: median {statistics.median(prompts):.2f} s, longest {max(prompts):.2f} s"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    connector = aiohttp.TCPConnector(limit=0)
    async with running_server() as (url, process), aiohttp.ClientSession(connector=connector) as session:
        taken = await refusal_ms(session, url)
        print(
            f"refusal: median {statistics.median(taken):.2f} ms, p99 {taken[int(len(taken) * 0.99)]:.2f} ms"
        )
        await first_bytes_ms(session, url)
        header, frame, end = await first_bytes_ms(session, url)
        print(
            f"clip of 24 frames, 20 steps: header {header:.1f} ms, first frame {frame:.0f} ms, end {end:.0f} ms"
        )
        await load(session, url, process, options)


if __name__ == "__main__":
    asyncio.run(main())
