"""Seconds from the start of the process to the first answers: /system_stats, then /object_info.

Usage: python benchmarks/startup.py [--runs 3]

Three conditions: bytecode to be compiled (the first start after an installation), bytecode there, and the torch
import alone for comparison. No node packs, folders of its own, a free port.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATHS = ("/system_stats", "/object_info")
LIMIT_S = 120.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_answers(bytecode: Path) -> list[float]:
    """Seconds until each of PATHS answered, in their order."""
    port = free_port()
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as base:
        command = [sys.executable, "main.py", "--cpu", "--port", str(port), "--base-directory", base]
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            return [_answered(f"http://127.0.0.1:{port}{path}", start, process) for path in PATHS]
        finally:
            process.terminate()
            process.wait(timeout=30)


def _answered(url: str, start: float, process: subprocess.Popen[bytes]) -> float:
    while time.perf_counter() - start < LIMIT_S and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
                answer.read()
        except OSError:
            time.sleep(0.01)
        else:
            return time.perf_counter() - start
    raise SystemExit(f"no answer from {url}")


def torch_alone(bytecode: Path) -> float:
    """Seconds of a process that only imports torch."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], env=environment, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Prints one line per start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(f"{'condition':<24}" + "".join(f"{path:>16}" for path in PATHS))
    with tempfile.TemporaryDirectory() as bytecode:
        conditions = ["bytecode to compile"] + ["bytecode there"] * runs
        for condition in conditions:
            seconds = first_answers(Path(bytecode))
            print(f"{condition:<24}" + "".join(f"{value:>14.2f} s" for value in seconds), flush=True)
        print(f"{'import torch alone':<24}{torch_alone(Path(bytecode)):>14.2f} s")


if __name__ == "__main__":
    main()
