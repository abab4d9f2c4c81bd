"""What applications do with plain HTTP and websocket-client: the well-known examples, Open WebUI, pollers."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket
from PIL import Image

TIMEOUT_S = 30


@pytest.fixture
def socket(server: Any) -> Iterator[Any]:
    """A websocket with a client id of its own, as `client_id`."""
    client_id = str(uuid.uuid4())
    found = websocket.WebSocket()
    found.connect(server.url.replace("http", "ws", 1) + f"/ws?clientId={client_id}", timeout=TIMEOUT_S)
    found.client_id = client_id  # type: ignore[attr-defined]
    yield found
    found.close()


def graph(save: str, color: int, batch_size: int = 1) -> dict[str, Any]:
    inputs = {"width": 12, "height": 8, "batch_size": batch_size, "color": color}
    prefix = {"filename_prefix": "known"} if save == "SaveImage" else {}
    return {
        "3": {"class_type": "EmptyImage", "inputs": inputs},
        "9": {"class_type": save, "inputs": {"images": ["3", 0], **prefix}},
    }


def queue(server: Any, prompt: dict[str, Any], **body: Any) -> str:
    data = json.dumps({"prompt": prompt, **body}).encode()
    answer = requests.post(
        server.url + "/prompt", data=data, timeout=TIMEOUT_S
    )  # no content type, as urllib sends
    return str(answer.json()["prompt_id"])


def pictures_of(server: Any, entry: dict[str, Any]) -> list[Image.Image]:
    found = []
    for output in entry["outputs"].values():
        for image in output.get("images", []):
            answer = requests.get(server.url + "/view", params=image, timeout=TIMEOUT_S)
            found.append(Image.open(io.BytesIO(answer.content)))
    return found


def test_the_websocket_example_reads_until_executing_null_then_history(server: Any, socket: Any) -> None:
    prompt_id = queue(server, graph("SaveImage", 1), client_id=socket.client_id)
    while True:
        out = socket.recv()
        if isinstance(out, str):
            message = json.loads(out)
            if message["type"] == "executing":
                data = message["data"]
                if data["node"] is None and data["prompt_id"] == prompt_id:
                    break
    history = requests.get(f"{server.url}/history/{prompt_id}", timeout=TIMEOUT_S).json()[prompt_id]
    assert [picture.size for picture in pictures_of(server, history)] == [(12, 8)]


def test_the_example_for_pictures_by_websocket_gets_one_png_per_picture(server: Any, socket: Any) -> None:
    prompt_id = queue(server, graph("SaveImageWebsocket", 0xFF8000, 3), client_id=socket.client_id)
    current, pictures = "", []
    while True:
        out = socket.recv()
        if isinstance(out, str):
            message = json.loads(out)
            if message["type"] == "executing" and message["data"]["prompt_id"] == prompt_id:
                if message["data"]["node"] is None:
                    break
                current = message["data"]["node"]
        elif current == "9":
            pictures.append(Image.open(io.BytesIO(out[8:])))
    assert [(picture.format, picture.size) for picture in pictures] == [("PNG", (12, 8))] * 3
    assert pictures[0].convert("RGB").getpixel((0, 0)) == (255, 128, 0)


def test_open_webui_finds_its_pictures_at_the_instant_of_the_end_message(server: Any) -> None:
    """Asks for models, opens the socket, posts with the same id, reads to the end, and asks for history at once."""
    headers = {"Authorization": "Bearer anything"}
    info = requests.get(server.url + "/object_info", headers=headers, timeout=TIMEOUT_S).json()
    assert isinstance(info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0], list)
    client_id = str(uuid.uuid4())
    connection = websocket.WebSocket()
    connection.connect(
        server.url.replace("http", "ws", 1) + f"/ws?clientId={client_id}", header=headers, timeout=TIMEOUT_S
    )
    for color in range(20):
        body = {"prompt": graph("SaveImage", 100 + color), "client_id": client_id}
        answer = requests.post(server.url + "/prompt", json=body, headers=headers, timeout=TIMEOUT_S)
        prompt_id = answer.json()["prompt_id"]
        while True:
            out = connection.recv()
            if not isinstance(out, str):
                continue
            message = json.loads(out)
            if message["type"] == "executing" and message["data"]["node"] is None:
                assert message["data"]["prompt_id"] == prompt_id
                break
        history = requests.get(f"{server.url}/history/{prompt_id}", headers=headers, timeout=TIMEOUT_S).json()
        assert len(pictures_of(server, history[prompt_id])) == 1
    connection.close()


def test_a_poller_sees_a_prompt_in_the_queue_or_in_history_and_never_in_neither(server: Any) -> None:
    for color in range(20):
        prompt_id = queue(server, graph("SaveImage", 200 + color))
        while True:
            found = requests.get(server.url + "/queue", timeout=TIMEOUT_S).json()
            listed = [item[1] for items in found.values() for item in items]
            if prompt_id not in listed:
                break
        history = requests.get(f"{server.url}/history/{prompt_id}", timeout=TIMEOUT_S).json()
        assert history[prompt_id]["status"]["completed"] is True
        assert history[prompt_id]["prompt"][2] == graph("SaveImage", 200 + color)


def test_a_second_socket_with_the_same_id_gets_the_later_messages(server: Any, socket: Any) -> None:
    json.loads(socket.recv())
    other = websocket.WebSocket()
    url = server.url.replace("http", "ws", 1) + f"/ws?clientId={socket.client_id}"
    other.connect(url, timeout=TIMEOUT_S)
    assert json.loads(other.recv())["data"]["sid"] == socket.client_id
    prompt_id = queue(server, graph("SaveImage", 300), client_id=socket.client_id)
    kinds = []
    while ("executing", None) not in kinds:
        message = json.loads(other.recv())
        kinds.append((message["type"], message["data"].get("node")))
    assert ("executed", "9") in kinds
    assert requests.get(f"{server.url}/history/{prompt_id}", timeout=TIMEOUT_S).json()[prompt_id]
    other.close()
