"""Published clients in environments of their own: built in CI or when asked, used when they are there.

`CODEC_TEST_CLIENTS=1` builds them (a minute, from PyPI and npm) in `.clients/`, which later runs use too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BUILT = ROOT / ".clients"
ARTIFACTS = ROOT / "test-artifacts"
GRAPH = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 16, "height": 8, "batch_size": 1, "color": 255},
        "_meta": {"title": "Colour"},
    },
    "2": {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "client"},
        "_meta": {"title": "Save"},
    },
}
TIMEOUT_S = 120

Run = Callable[..., str]


def _wanted(listing: Path, marker: Path) -> bool:
    """Whether the environment stands already; skips when nobody asked for it."""
    if marker.is_file() and marker.read_text() == listing.read_text():
        return False
    if os.environ.get("CODEC_TEST_CLIENTS") != "1" and os.environ.get("CI") != "true":
        pytest.skip(
            f"{listing.name}: published clients are not installed; CODEC_TEST_CLIENTS=1 installs them"
        )
    return True


def _run(command: list[str], folder: Path, **environment: str) -> str:
    """Output of a client, kept as a test artefact too."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    ARTIFACTS.mkdir(exist_ok=True)
    with (ARTIFACTS / "clients.log").open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}\n")
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def python_bin() -> Path:
    """The scripts folder of the environment with the Python clients."""
    listing, home = HERE / "requirements.txt", BUILT / "python"
    if _wanted(listing, home / "installed"):
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(listing)]
        subprocess.run(pip, check=True, timeout=600)
        (home / "installed").write_text(listing.read_text())
    return home / "bin"


@pytest.fixture
def run_python(python_bin: Path, tmp_path: Path) -> Run:
    """`run_python("script.py", *arguments)`, or a command of the environment such as "comfy"."""

    def run(name: str, *arguments: str) -> str:
        command = (
            [str(python_bin / "python"), str(HERE / name)]
            if name.endswith(".py")
            else [str(python_bin / name)]
        )
        return _run([*command, *arguments], tmp_path, HOME=str(tmp_path), DO_NOT_TRACK="1")

    return run


@pytest.fixture(scope="session")
def node_home() -> Path:
    """The folder with the Node clients."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed: `apt-get install nodejs npm`")
    listing, home = HERE / "package.json", BUILT / "node"
    if _wanted(listing, home / "installed"):
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(listing, home / "package.json")
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=home, check=True, timeout=600)
        (home / "installed").write_text(listing.read_text())
    return home


@pytest.fixture
def run_node(node_home: Path) -> Run:
    """`run_node("script.mjs", *arguments)`."""

    def run(name: str, *arguments: str) -> str:
        shutil.copy(HERE / name, node_home / name)  # beside node_modules, where imports are looked up
        return _run(["node", name, *arguments], node_home)

    return run


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server()


@pytest.fixture
def graph_file(tmp_path: Path) -> str:
    """A graph in API format; its colour is new in each test, so that nothing comes from the cache."""
    graph = json.loads(json.dumps(GRAPH))
    graph["1"]["inputs"]["color"] = abs(hash(str(tmp_path))) % 0xFFFFFF
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph))
    return str(path)
