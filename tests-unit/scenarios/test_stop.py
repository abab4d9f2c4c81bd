"""Ctrl-C while a picture is being sampled: a clean end, and the prompt is told as interrupted afterwards."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
import urllib.request
from typing import Any

from app.store import FILE_NAME

STOP_LIMIT_S = 10
GRAPH: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "codec-demo-sd1.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "cat", "clip": ["1", 1]}},
    "3": {"class_type": "EmptyLatentImage", "inputs": {"width": 256, "height": 256, "batch_size": 1}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["2", 0], "latent_image": ["3", 0], "seed": 1,
            "steps": 5000, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        },
    },
    "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "6": {"class_type": "PreviewImage", "inputs": {"images": ["5", 0]}},
}  # fmt: skip


def test_a_stop_ends_the_running_prompt_and_then_the_process(start_server: Any) -> None:
    import websocket

    server = start_server(demo_model=True)
    socket = websocket.create_connection(server.url.replace("http", "ws") + "/ws?clientId=stop", timeout=60)
    body = json.dumps({"prompt": GRAPH, "client_id": "stop"}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/prompt", body)).close()
    while True:
        message = socket.recv()
        if isinstance(message, str) and json.loads(message)["type"] == "progress":
            break
    started = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=60) == 0
    assert time.monotonic() - started < STOP_LIMIT_S
    socket.close()
    server.reader.join(timeout=5)
    server.process.stdout.close()
    assert "terminate called" not in server.log.read_text()
    db = sqlite3.connect(server.base / "user" / FILE_NAME)
    (entry,) = db.execute("SELECT entry FROM history").fetchone()
    assert db.execute("SELECT count(*) FROM prompts").fetchone() == (0,)
    db.close()
    status = json.loads(entry)["status"]
    assert (status["status_str"], status["messages"][-1][0]) == ("error", "execution_interrupted")
