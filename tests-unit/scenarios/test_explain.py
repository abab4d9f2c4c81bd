"""GET /prompt/{id}/explain: which node ran, and why, over the public face of a whole server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import websocket

PACK = Path(__file__).parents[1] / "data" / "traces" / "contract_nodes"


@pytest.fixture(scope="module")
def server(start_server):
    return start_server("--queue-memory", packs=(PACK,))


def graph(value: int) -> dict[str, Any]:
    return {
        "1": {"class_type": "CtInt", "inputs": {"value": value}},
        "2": {"class_type": "CtInt", "inputs": {"value": 7}},
        "3": {"class_type": "CtAdd", "inputs": {"a": ["1", 0], "b": ["2", 0]}},
        "4": {"class_type": "CtShow", "inputs": {"value": ["3", 0]}},
    }


def run(server, prompt: dict[str, Any]) -> dict[str, Any]:
    """Runs a prompt to its end and gives its explanation by node id."""
    socket = websocket.create_connection(
        server.url.replace("http", "ws") + "/ws?clientId=explain", timeout=30
    )
    body = json.dumps({"prompt": prompt, "client_id": "explain"}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/prompt", body)) as answer:
        prompt_id = json.load(answer)["prompt_id"]
    while True:
        message = json.loads(socket.recv())
        if message["type"] == "executing" and message["data"]["node"] is None:
            break
    socket.close()
    with urllib.request.urlopen(f"{server.url}/prompt/{prompt_id}/explain") as answer:
        found = json.load(answer)
    assert found["prompt_id"] == prompt_id
    return found["nodes"]


def test_each_node_says_why_it_ran(server) -> None:
    first = run(server, graph(1))
    assert {node["reason"] for node in first.values()} == {"new"}
    again = run(server, graph(1))
    assert {(node["ran"], node["reason"]) for node in again.values()} == {(False, "cached")}
    changed = run(server, graph(2))
    assert (changed["1"]["reason"], changed["1"]["inputs"]) == ("inputs_changed", ["value"])
    assert changed["2"]["reason"] == "cached"
    assert (changed["3"]["reason"], changed["3"]["inputs"]) == ("upstream_changed", ["a"])


def test_an_unknown_prompt_is_a_404_with_a_reason(server) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.url}/prompt/none/explain")
    with caught.value as answer:
        assert answer.code == 404
        assert "prompt_id" in json.load(answer)["error"]["extra_info"]["field"]
