"""A whole server that asks for keys: the command beside it, real runs, their events, numbers and log lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parents[2]
GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "run"}},
}
BROKEN = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "broken.png"}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server("--auth", "on", "--log-format", "json")


@pytest.fixture(scope="module")
def session(server: Any) -> requests.Session:
    """With a key that `python -m app.keys` made while the server runs."""
    made = keys(server, "add", "scenario", "--scope", "run")
    found = requests.Session()
    found.headers["Authorization"] = f"Bearer {made}"
    return found


def keys(server: Any, *arguments: str) -> str:
    command = [sys.executable, "-m", "app.keys", "--base-directory", str(server.base), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_nobody_comes_in_without_a_key_and_a_revoked_one_is_none(server: Any) -> None:
    assert requests.get(server.url + "/queue", timeout=10).status_code == 401
    assert requests.get(server.url + "/health", timeout=10).status_code == 200
    assert requests.get(server.url + "/ready", timeout=10).json()["ready"] is True
    headers = {"Authorization": f"Bearer {keys(server, 'add', 'short', '--scope', 'read')}"}
    assert requests.get(server.url + "/queue", headers=headers, timeout=10).status_code == 200
    assert requests.post(server.url + "/interrupt", headers=headers, timeout=10).status_code == 403
    keys(server, "revoke", "short")
    assert requests.get(server.url + "/queue", headers=headers, timeout=10).status_code == 401


def test_a_run_gives_its_picture_as_url_and_as_file(server: Any, session: requests.Session) -> None:
    run = session.post(server.url + "/v1/workflows/run", json={"prompt": GRAPH}, timeout=60).json()
    assert run["status"] == "succeeded"
    picture = session.get(run["files"][0]["url"], timeout=10)
    assert picture.content.startswith(b"\x89PNG")
    headers = {"Accept": "image/png"}
    itself = session.post(
        server.url + "/v1/workflows/run", json={"prompt": GRAPH}, headers=headers, timeout=60
    )
    assert itself.content == picture.content


def test_a_stream_has_the_engines_events_in_order(server: Any, session: requests.Session) -> None:
    graph = json.loads(json.dumps(GRAPH).replace('"color": 255', '"color": 7'))
    body = {"prompt": graph, "stream": True}
    with session.post(server.url + "/v1/workflows/run", json=body, stream=True, timeout=60) as answer:
        lines = answer.content.decode().splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    kept = [name for name in names if name not in ("progress", "progress_state")]
    assert kept == [
        "run", "execution_start", "execution_cached", "executing", "executing", "executed", "execution_success",
        "executing", "result",
    ]  # fmt: skip


def test_a_node_that_raises_is_named_and_its_log_line_too(server: Any, session: requests.Session) -> None:
    (server.base / "input").mkdir(exist_ok=True)
    (server.base / "input" / "broken.png").write_bytes(b"no picture")
    answer = session.post(server.url + "/v1/workflows/run", json={"prompt": BROKEN}, timeout=60)
    run = answer.json()
    assert (answer.status_code, run["status"], run["error"]["node_id"]) == (500, "failed", "1")
    wanted = run["id"]
    lines: list[dict[str, Any]] = []
    end = time.monotonic() + 10
    while time.monotonic() < end and not any(wanted in line["message"] for line in lines):
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    about = [line for line in lines if line.get("prompt_id") == wanted]
    assert about and all(line["level"] and line["time"] for line in about)


def test_the_runs_are_counted(server: Any, session: requests.Session) -> None:
    text = session.get(server.url + "/metrics", timeout=10).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("codec_prompts_total"))
    assert float(values['codec_prompts_total{status="success"}']) >= 3
    assert float(values['codec_prompts_total{status="error"}']) >= 1
