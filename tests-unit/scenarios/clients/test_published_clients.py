"""Client libraries from PyPI and npm, as their users call them, against a whole server."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.clients


def result_of(output: str) -> Any:
    """What a script printed after RESULT."""
    (line,) = [line for line in output.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


def test_comfy_script_loads_the_nodes_and_gets_its_picture(server: Any, run_python: Any) -> None:
    assert result_of(run_python("comfy_script_client.py", server.url + "/")) == [[16, 8]]


def test_comfy_api_simplified_waits_fetches_and_uploads(
    server: Any, run_python: Any, graph_file: str
) -> None:
    found = result_of(run_python("simplified_client.py", server.url, graph_file))
    assert len(found["pictures"]) == 1
    assert found["uploaded"]["subfolder"] == "from client"
    assert (server.base / "input" / "from client" / found["uploaded"]["name"]).is_file()
    assert found["queue"] == {"queue_running": [], "queue_pending": []}
    assert (found["info"], found["devices"]) == (["SaveImage"], 1)


def test_comfy_cli_runs_a_graph_to_its_end(server: Any, run_python: Any, graph_file: str) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    output = run_python(
        "comfy", "--skip-prompt", "--json", "run", "--workflow", graph_file, "--wait", "--host", host, "--port", port
    )  # fmt: skip
    answer = json.loads(output.splitlines()[-1])
    assert answer["ok"] is True
    assert answer["data"]["status"] == "completed"
    assert len(answer["data"]["outputs"]) == 1
    assert answer["data"]["executed_node_ids"]


def test_stable_canvas_client_listens_and_polls(server: Any, run_node: Any, graph_file: str) -> None:
    found = json.loads(
        run_node("stable_canvas.mjs", server.url.removeprefix("http://"), graph_file).splitlines()[-1]
    )
    (image,) = found["images"]
    assert image["data"].startswith(server.url + "/view?filename=client_")
    assert found["polled"] == found["images"], "the second run comes from the cache, with the same file"
    assert found["devices"] == 1


def test_saintno_sdk_runs_a_call(server: Any, run_node: Any, graph_file: str) -> None:
    found = json.loads(run_node("saintno_sdk.mjs", server.url, graph_file).splitlines()[-1])
    assert found["seen"][0] == "pending"
    assert found["seen"][-1] == "finished"
    assert not any(step.startswith("failed") for step in found["seen"])
    (image,) = found["images"]
    assert (server.base / "output" / image["filename"]).is_file()
