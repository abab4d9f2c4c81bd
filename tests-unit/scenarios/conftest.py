"""Whole servers in processes of their own, as users start them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
CHECKPOINTS = Path(os.environ.get("CODEC_TEST_CHECKPOINTS") or ROOT / "models" / "checkpoints")
START_TIMEOUT_S = 90
"""A cold import of torch on a busy machine; a warm start takes about two seconds."""


@dataclass
class ServerProcess:
    """A running main.py: where it listens, where its folders are, what it wrote."""

    url: str
    base: Path
    process: subprocess.Popen[str]
    log: Path
    reader: threading.Thread

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """Ends the process as a user's Ctrl-C does, and waits for it."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.reader.join(timeout=5)
            assert self.process.stdout is not None
            self.process.stdout.close()


Start = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, headless."""
    if not CHROMIUM.exists():
        message = f"no browser at {CHROMIUM}; install it with `apt-get install chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """`start_server(*flags, packs=[...], demo_model=False)`: main.py on a free port with fresh folders."""
    started: list[ServerProcess] = []

    def start(*flags: str, packs: tuple[Path, ...] = (), demo_model: bool = False) -> ServerProcess:
        base = tmp_path_factory.mktemp("base")
        (base / "custom_nodes").mkdir()
        for pack in packs:
            shutil.copytree(pack, base / "custom_nodes" / pack.name)
        if demo_model:
            link = base / "models" / "checkpoints"
            link.mkdir(parents=True)
            for path in CHECKPOINTS.glob("*.safetensors"):
                (link / path.name).symlink_to(path)
        server = _launch(base, ("--cpu", "--port", "0", "--base-directory", str(base), *flags))
        started.append(server)
        return server

    yield start
    for server in started:
        if server.is_alive:
            server.stop()


def _launch(base: Path, flags: tuple[str, ...]) -> ServerProcess:
    log = base / "server.log"
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *flags],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    announced = threading.Event()
    urls: list[str] = []

    def read_output() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.match(r"Open (http\S+) ", line)
            if found:
                urls.append(found.group(1))
                announced.set()
        announced.set()

    reader = threading.Thread(target=read_output, daemon=True)
    reader.start()
    announced.wait(START_TIMEOUT_S)
    if not urls:
        process.kill()
        process.wait(timeout=20)
        reader.join(timeout=5)
        assert process.stdout is not None
        process.stdout.close()
        pytest.fail(f"main.py did not announce its address:\n{log.read_text()[-3000:]}")
    return ServerProcess(urls[0], base, process, log, reader)
