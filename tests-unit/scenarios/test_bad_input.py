"""Input that nobody should send, against a whole server: typed answers that name the field, and it goes on.

Nothing outside the server's folders may be read or written: a file with a secret lies beside them.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

SECRET = "the-secret-beside-the-folders"
DEADLINE_S = 60


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    found = start_server()
    checkpoints = found.base / "models" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (checkpoints / "truncated.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0")
    (checkpoints / "lying.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    (checkpoints / "noise.safetensors").write_bytes(b"not a file of weights at all" * 20)
    (checkpoints / "empty.safetensors").write_bytes(b"")
    (found.base / "secret.txt").write_text(SECRET)
    return found


@pytest.fixture(autouse=True)
def goes_on(server: Any) -> Iterator[None]:
    """After each test the server answers and left everything outside its folders as it was."""
    yield
    assert server.is_alive
    assert requests.get(server.url + "/prompt", timeout=10).json() == {"exec_info": {"queue_remaining": 0}}
    known = {"custom_nodes", "models", "input", "output", "temp", "user", "server.log", "secret.txt"}
    assert {path.name for path in server.base.iterdir()} <= known
    assert (server.base / "secret.txt").read_text() == SECRET


def post(server: Any, graph: Any, **more: Any) -> tuple[int, Any]:
    answer = requests.post(server.url + "/prompt", json={"prompt": graph, **more}, timeout=60)
    return answer.status_code, answer.json()


def run(server: Any, graph: Any) -> Any:
    """The history entry of a graph that is accepted."""
    status, body = post(server, graph)
    assert status == 200, body
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        entry = requests.get(f"{server.url}/history/{body['prompt_id']}", timeout=10).json()
        if entry:
            return entry[body["prompt_id"]]
    raise AssertionError("the prompt did not end")


def image_graph(**save: Any) -> dict[str, Any]:
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0},
        },
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x", **save}},
    }


def checkpoint_graph(name: Any) -> dict[str, Any]:
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


@pytest.mark.parametrize("name", ["none.safetensors", "../secret.txt", "/etc/passwd", "", 5, None, [], {}])
def test_an_unknown_checkpoint_is_refused_and_named(server: Any, name: Any) -> None:
    status, body = post(server, checkpoint_graph(name))
    assert status == 400
    (error,) = body["node_errors"]["1"]["errors"]
    assert error["extra_info"]["input_name"] == "ckpt_name"


@pytest.mark.parametrize("name", ["truncated", "lying", "noise", "empty"])
def test_a_corrupt_checkpoint_is_an_error_that_names_the_file(server: Any, name: str) -> None:
    entry = run(server, checkpoint_graph(f"{name}.safetensors"))
    assert entry["status"]["status_str"] == "error"
    error = next(data for event, data in entry["status"]["messages"] if event == "execution_error")
    assert (error["node_id"], error["node_type"]) == ("1", "CheckpointLoaderSimple")
    assert f"{name}.safetensors" in error["exception_message"]


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("width", 10**9, "value_bigger_than_max"),
        ("height", 10**30, "value_bigger_than_max"),
        ("width", -5, "value_smaller_than_min"),
        ("width", "wide", "invalid_input_type"),
        ("width", None, "invalid_input_type"),
        ("width", 1e400, "invalid_input_type"),
        ("batch_size", 10**7, "value_bigger_than_max"),
    ],
)
def test_absurd_numbers_are_refused_and_named(server: Any, field: str, value: Any, kind: str) -> None:
    graph = image_graph()
    graph["1"]["inputs"][field] = value
    raw = json.dumps({"prompt": graph}).replace("Infinity", "1e400")
    answer = requests.post(server.url + "/prompt", data=raw, timeout=60)
    (error,) = answer.json()["node_errors"]["1"]["errors"]
    assert (answer.status_code, error["type"], error["extra_info"]["input_name"]) == (400, kind, field)


@pytest.mark.parametrize(
    "prefix", ["../x", "/tmp/x", "a/../../x", "..\\x", "%year%/../../x", "x\u0000y", "x" * 5000]
)
def test_a_save_prefix_that_leaves_the_output_folder_is_refused_and_named(server: Any, prefix: str) -> None:
    status, body = post(server, image_graph(filename_prefix=prefix))
    (error,) = body["node_errors"]["2"]["errors"]
    assert (status, error["extra_info"]["input_name"]) == (400, "filename_prefix")


def test_a_save_prefix_that_the_file_system_refuses_is_an_error_of_the_node(server: Any) -> None:
    (server.base / "output" / "taken").touch()
    entry = run(server, image_graph(filename_prefix="taken/x"))
    assert entry["status"]["status_str"] == "error"
    error = next(data for event, data in entry["status"]["messages"] if event == "execution_error")
    assert error["node_id"] == "2"


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "../secret.txt [output]", "x\u0000", ""])
def test_an_input_picture_outside_its_folder_is_refused(server: Any, name: str) -> None:
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    status, body = post(server, graph)
    assert status == 400
    (error,) = body["node_errors"]["1"]["errors"]
    assert error["details"].startswith("image")
    assert SECRET not in json.dumps(body)


def test_ten_megabytes_of_graph_are_read_and_answered(server: Any) -> None:
    graph = {str(n): {"class_type": "PreviewAny", "inputs": {"source": "x" * 900}} for n in range(3, 10_500)}
    body = json.dumps({"prompt": {**image_graph(), **graph}, "partial_execution_targets": ["2"]})
    assert len(body) > 10_000_000
    answer = requests.post(server.url + "/prompt", data=body, timeout=60)
    assert answer.status_code == 200, answer.text[:500]
    end = time.monotonic() + DEADLINE_S
    while requests.get(server.url + "/prompt", timeout=10).json()["exec_info"]["queue_remaining"]:
        assert time.monotonic() < end
    requests.post(server.url + "/history", json={"clear": True}, timeout=10)


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: Any) -> None:
    answer = requests.post(server.url + "/prompt", data=b" " * (101 * 1024 * 1024), timeout=60)
    assert (answer.status_code, answer.json()["error"]["extra_info"]) == (413, {"field": "body"})


def test_a_very_long_chain_and_a_very_wide_node_are_answered(server: Any) -> None:
    chain = image_graph()
    for number in range(3, 2000):
        source = "1" if number == 3 else str(number - 1)
        chain[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": [source, 0]}}
    chain["2"]["inputs"]["images"] = ["1999", 0]
    assert run(server, chain)["status"]["status_str"] == "success"
    wide = image_graph()
    wide["1"]["inputs"].update({f"unknown{n}": n for n in range(20_000)})
    assert run(server, wide)["status"]["status_str"] == "success"


@pytest.mark.parametrize(
    "graph",
    [
        {"1": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}},
        {"1": {"class_type": "SaveImage", "inputs": {"images": ["9", 0], "filename_prefix": "x"}}},
        {"1": {"class_type": "SaveImage", "inputs": {"images": ["1", 99], "filename_prefix": "x"}}},
        {"1": {"class_type": "SaveImage", "inputs": {"images": [[], {}], "filename_prefix": "x"}}},
        {"1": {"class_type": "SaveImage", "inputs": {"images": [{}, 0], "filename_prefix": "x"}}},
        {"1": {"class_type": "__class__", "inputs": {}}},
        {"1": {"class_type": "", "inputs": {}}},
        {"1": {"inputs": {}}},
        {"1": {}},
    ],
)
def test_broken_graphs_are_400_with_a_typed_error(server: Any, graph: Any) -> None:
    status, body = post(server, graph)
    assert status == 400
    assert body["error"]["type"]
    assert isinstance(body["node_errors"], dict)
