"""Many listeners: what a prompt with thousands of progress updates costs and how late its messages are.

Usage: python benchmarks/websocket.py [--clients 200] [--updates 2000] [--seconds 20]

Starts a server with a small node pack, connects that many websocket clients, and runs two prompts: one without
client_id, whose progress goes to all clients while a tenth of them reads nothing, and one of a client while 20
others read nothing. Prints latencies from the call of the progress bar to receipt, memory, and what was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil

ROOT = Path(__file__).parents[1]
PACK = """
import time
from comfy.utils import ProgressBar

class ManyUpdates:
    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "run"
    CATEGORY = "benchmark"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"updates": ("INT", {"default": 1}), "seconds": ("FLOAT", {"default": 0.0}),
                             "times": ("STRING", {"default": ""}), "salt": ("INT", {"default": 0})}}

    def run(self, updates, seconds, times, salt):
        bar, start, sent = ProgressBar(updates), time.monotonic(), []
        for index in range(updates):
            while (late := start + seconds * index / updates - time.monotonic()) > 0:
                time.sleep(late)
            sent.append(time.monotonic())
            bar.update(1)
        with open(times, "w") as file:
            file.write(" ".join(map(repr, sent)))
        return {"ui": {"done": [updates]}}

NODE_CLASS_MAPPINGS = {"ManyUpdates": ManyUpdates}
"""
_PROGRESS = re.compile(rb'{"type": "progress", "data": {"value": (\d+)')
_KINDS = re.compile(rb'{"type": "(status|executed|executing|execution_\w+)"')
LONGEST_MATCH = 64
NUM_STATUS = 4
"""Greeting, put, start, end."""


class Listener(asyncio.Protocol):
    """A websocket client that costs next to nothing: it looks for texts in the stream and parses no frames."""

    def __init__(self, path: str, host: str, reads: bool, last: int) -> None:
        self.path, self.host, self.reads, self.last = path, host, reads, last
        self.finished, self.closed = asyncio.Event(), asyncio.Event()
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.arrived: dict[int, float] = {}
        self.kinds: list[str] = []
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        self.transport: Any = transport
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        )
        transport.write(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Notes values and kinds with their time."""
        now = time.monotonic()
        text = self._tail + data
        end = 0
        for found in _PROGRESS.finditer(text):
            self.arrived.setdefault(int(found[1]), now)
            end = found.end()
        for found in _KINDS.finditer(text):
            self.kinds.append(found[1].decode())
            end = max(end, found.end())
        if self.kinds.count("status") >= NUM_STATUS and (not self.last or self.last in self.arrived):
            self.finished.set()
        self._tail = text[max(end, len(text) - LONGEST_MATCH) :]
        if self.kinds and not self.greeted.done():
            self.greeted.set_result(None)
            if not self.reads:
                self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Notes the end."""
        self.closed.set()

    def catch_up(self) -> None:
        """Reads after all."""
        self.transport.resume_reading()


@dataclass
class Outcome:
    """What one run showed."""

    latencies_s: list[float] = field(default_factory=list)
    rss_growth_bytes: int = 0
    listeners: list[Listener] = field(default_factory=list)
    author: Listener | None = None

    async def close(self) -> None:
        """Closes every connection."""
        for listener in [*self.listeners, *([self.author] if self.author else [])]:
            listener.transport.close()
            await listener.closed.wait()

    def percentile_ms(self, share: float) -> float:
        """Latency that `share` of the messages stay below."""
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write_pack(base: Path) -> None:
    """The node that updates its bar."""
    folder = base / "custom_nodes" / "many_updates"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PACK)


async def connect(url: str, name: str, *, reads: bool = True, last: int = 0) -> Listener:
    """A greeted client; it has finished with the last `status` and, if not 0, the update `last`."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    path, host = f"/ws?clientId={name}", f"{parts.hostname}:{parts.port}"
    _, listener = await loop.create_connection(
        lambda: Listener(path, host, reads, last), str(parts.hostname), int(parts.port or 80)
    )
    await asyncio.wait_for(listener.greeted, 60)
    return listener


async def run(
    url: str, pid: int, folder: Path, *, clients: int, silent: int, updates: int, seconds: float, own: bool
) -> Outcome:
    """One prompt with that many listeners, `silent` of which read nothing until it is over.

    `own`: the prompt has a client_id, whose listener is `author`.
    """
    found = Outcome()
    last = 0 if own else updates
    found.listeners = [await connect(url, f"{own}-{n}", reads=n >= silent, last=last) for n in range(clients)]
    found.author = await connect(url, "author", last=updates) if own else None
    process, before = psutil.Process(pid), psutil.Process(pid).memory_info().rss
    times = folder / f"times-{own}"
    salt = time.time_ns() % 2**31
    inputs = {"updates": updates, "seconds": seconds, "times": str(times), "salt": salt}
    body: dict[str, Any] = {"prompt": {"1": {"class_type": "ManyUpdates", "inputs": inputs}}}
    if own:
        body["client_id"] = "author"
    async with aiohttp.ClientSession() as http:
        async with http.post(url + "/prompt", json=body) as answer:
            prompt_id = (await answer.json())["prompt_id"]
        highest = before
        while True:
            highest = max(highest, process.memory_info().rss)
            async with http.get(f"{url}/history/{prompt_id}") as answer:
                if await answer.json():
                    break
            await asyncio.sleep(0.1)
    for listener in found.listeners[:silent]:
        listener.catch_up()
    reading = [*found.listeners, *([found.author] if found.author else [])]
    async with asyncio.timeout(30):
        await asyncio.gather(*(listener.finished.wait() for listener in reading))
    found.rss_growth_bytes = highest - before
    sent = [float(text) for text in times.read_text().split()]
    for listener in [found.author] if found.author else found.listeners[silent:]:
        found.latencies_s += [at - sent[value - 1] for value, at in listener.arrived.items()]
    return found


def start_server(base: Path) -> tuple[subprocess.Popen[str], str]:
    """A server with the pack; its process and address."""
    write_pack(base)
    process = subprocess.Popen(
        [sys.executable, "main.py", "--cpu", "--port", "0", "--base-directory", str(base)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.match(r"Open (http\S+) ", line):
            return process, found[1]
    raise SystemExit("the server did not start")


def report(title: str, outcome: Outcome, updates: int, silent: int) -> None:
    """Prints one run."""
    seen = [len(listener.arrived) for listener in outcome.listeners]
    print(f"\n{title}")
    print(f"  latency p50 / p99 / max   {outcome.percentile_ms(0.5):.1f} / {outcome.percentile_ms(0.99):.1f} / "
          f"{outcome.percentile_ms(1):.1f} ms over {len(outcome.latencies_s)} messages")  # fmt: skip
    print(f"  server memory             {outcome.rss_growth_bytes / 2**20:+.1f} MiB")
    if outcome.author is None:
        ends = [updates in listener.arrived and 1 in listener.arrived for listener in outcome.listeners]
        print(f"  first and last progress   {sum(ends)} of {len(ends)} clients")
        print(f"  updates, readers          {min(seen[silent:])} to {max(seen[silent:])} of {updates}")
        print(f"  updates, silent clients   {min(seen[:silent])} to {max(seen[:silent])} of {updates}")
    else:
        print(f"  the author got            {json.dumps(outcome.author.kinds)}")
    status = [listener.kinds.count("status") for listener in outcome.listeners]
    print(f"  status messages           {min(status)} to {max(status)}")


async def measure(url: str, pid: int, folder: Path, chosen: argparse.Namespace) -> None:
    """Both runs."""
    common = {"updates": chosen.updates, "seconds": chosen.seconds}
    silent = chosen.clients // 10
    outcome = await run(url, pid, folder, clients=chosen.clients, silent=silent, own=False, **common)
    report("a prompt without client_id", outcome, chosen.updates, silent)
    await outcome.close()
    outcome = await run(url, pid, folder, clients=20, silent=20, own=True, **common)
    report("a prompt of one client, 20 others read nothing", outcome, chosen.updates, 20)
    await outcome.close()


def main() -> None:
    """Starts a server and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0)
    with tempfile.TemporaryDirectory() as base:
        process, url = start_server(Path(base))
        try:
            asyncio.run(measure(url, process.pid, Path(base), parser.parse_args()))
        finally:
            process.terminate()
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
