"""The start graph's nodes through the event socket: progress, previews as the client asked, and the picture."""

from __future__ import annotations

import json
import struct
from io import BytesIO
from typing import Any

import pytest
import requests
import websocket
from PIL import Image

STEPS = 4
GRAPH = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "codec-demo-sd1.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "a cat"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": ""}},
    "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 64, "batch_size": 1}},
    "5": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0],
            "seed": 1, "steps": STEPS, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        },
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "demo"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server(demo_model=True)


def run(server: Any, client_id: str, flags: dict[str, Any], seed: int) -> tuple[list[Any], list[bytes]]:
    """All messages of one run of the graph: parsed texts and binary frames."""
    graph = {**GRAPH, "5": {"class_type": "KSampler", "inputs": {**GRAPH["5"]["inputs"], "seed": seed}}}
    socket = websocket.create_connection(
        f"{server.url.replace('http', 'ws')}/ws?clientId={client_id}", timeout=60
    )
    texts, frames = [json.loads(socket.recv())], []
    socket.send(json.dumps({"type": "feature_flags", "data": flags}))
    body = {
        "prompt": graph,
        "client_id": client_id,
        "extra_data": {"preview_method": "latent2rgb", "extra_pnginfo": {"workflow": {"id": "w"}}},
    }
    answer = requests.post(server.url + "/prompt", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    while not (texts[-1]["type"] == "executing" and texts[-1]["data"]["node"] is None):
        message = socket.recv()
        if isinstance(message, bytes):
            frames.append(message)
        else:
            texts.append(json.loads(message))
    socket.close()
    return texts, frames


def test_progress_previews_with_metadata_and_the_picture_with_its_graph(server: Any) -> None:
    texts, frames = run(server, "rich", {"supports_preview_metadata": True}, seed=1)
    progress = [message["data"] for message in texts if message["type"] == "progress"]
    assert [(data["value"], data["max"], data["node"]) for data in progress][-1] == (STEPS, STEPS, "5")
    assert frames
    for frame in frames:
        kind, length = struct.unpack(">II", frame[:8])
        metadata = json.loads(frame[8 : 8 + length])
        assert (kind, metadata["node_id"], metadata["image_type"]) == (4, "5", "image/jpeg")
        assert Image.open(BytesIO(frame[8 + length :])).size == (512, 256)
    (executed,) = [message["data"] for message in texts if message["type"] == "executed"]
    (entry,) = executed["output"]["images"]
    picture = requests.get(server.url + "/view", params=entry, timeout=10)
    opened = Image.open(BytesIO(picture.content))
    assert opened.size == (128, 64)
    assert json.loads(opened.text["prompt"])["2"]["inputs"]["text"] == "a cat"
    assert json.loads(opened.text["workflow"]) == {"id": "w"}


def test_a_client_without_the_flag_gets_plain_previews(server: Any) -> None:
    texts, frames = run(server, "plain", {}, seed=2)
    assert texts[-1]["type"] == "executing"
    assert frames
    assert {struct.unpack(">II", frame[:8]) for frame in frames} == {(1, 1)}
    assert Image.open(BytesIO(frames[0][8:])).size == (512, 256)


def test_the_same_graph_again_is_cached_and_shows_the_same_file(server: Any) -> None:
    first, _ = run(server, "again", {}, seed=3)
    second, frames = run(server, "again", {}, seed=3)
    outputs = [[m["data"]["output"] for m in texts if m["type"] == "executed"] for texts in (first, second)]
    assert outputs[0] == outputs[1]
    (cached,) = [m["data"]["nodes"] for m in second if m["type"] == "execution_cached"]
    assert sorted(cached) == list("1234567")
    assert frames == []
