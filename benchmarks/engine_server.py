"""A long chain of no-op nodes through a whole server with a connected client; `engine.py` prints the numbers.

Milliseconds from the first byte of POST /prompt to the arrival of `executing` with node null, which is what a user
waits: HTTP, validation, queue, run, messages, history.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[1]
CLIENT = "benchmark"
PACK = """\
from benchmarks.engine import Pass, Sink

NODE_CLASS_MAPPINGS = {"Pass": Pass, "Sink": Sink}
"""

Prompt = dict[str, dict[str, Any]]


def start_server(base: Path) -> tuple[subprocess.Popen[str], str]:
    """main.py with fresh folders and the benchmark's nodes; its process and url."""
    pack = base / "custom_nodes" / "benchmark_nodes"
    pack.mkdir(parents=True)
    (pack / "__init__.py").write_text(PACK, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "main.py", "--cpu", "--port", "0", "--base-directory", str(base)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        found = re.match(r"Open (http\S+) ", line)
        if found:
            return process, found.group(1)
    raise RuntimeError(f"main.py ended with status {process.wait()} before it listened")


async def run(
    session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, url: str, prompt: Prompt
) -> float:
    """Milliseconds until the client is told that the prompt is over."""
    body = json.dumps({"prompt": prompt, "client_id": CLIENT}).encode()
    started = perf_counter()
    async with session.post(f"{url}/prompt", data=body) as answer:
        assert answer.status == 200, await answer.text()
    while True:
        message = await socket.receive_json()
        if message["type"] == "executing" and message["data"]["node"] is None:
            return (perf_counter() - started) * 1000


async def _measure(
    url: str, chain: Callable[[int, int], Prompt], length: int, rounds: int
) -> dict[str, float]:
    best: dict[str, float] = {}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/ws?clientId={CLIENT}", max_msg_size=0) as socket,
    ):
        for i in range(rounds):
            for kind in ("cold", "all_cached"):
                ms = await run(session, socket, url, chain(length, i + 1))
                best[kind] = round(min(ms, best.get(kind, ms)), 1)
    return best


def measure_server(chain: Callable[[int, int], Prompt], length: int, rounds: int) -> dict[str, float]:
    """Milliseconds of a cold and of a cached chain, the best of several runs."""
    with tempfile.TemporaryDirectory() as base:
        process, url = start_server(Path(base))
        try:
            return asyncio.run(_measure(url, chain, length, rounds))
        finally:
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
