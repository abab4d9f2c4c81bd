"""`stream: true` for JSON clients: server-sent events over a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from codec_transport.endpoints import event_answer

URL = "/v1/images/generations"
STEPS = [{"node": "sample", "value": i + 1, "max": 3} for i in range(3)]


def request(**fields: object) -> dict[str, object]:
    return {"prompt": "cat", "size": "128x128", "seed": 1, "steps": 3, "stream": True, **fields}


def parsed(text: str) -> list[tuple[str | None, Any]]:
    """(event name, data) of every event; data that is no JSON stays text, comments are left out."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            data = fields["data"]
            events.append((fields.get("event"), json.loads(data) if data.startswith("{") else data))
    return events


@pytest.fixture(autouse=True)
def quick_host(host, tmp_path):
    (tmp_path / "a.png").write_bytes(b"PNG")
    host.samples = None
    host.steps = STEPS
    host.entry["outputs"] = {"show": {"images": [{"filename": "a.png", "subfolder": "", "type": "temp"}]}}


async def test_steps_then_the_picture_then_done(client) -> None:
    answer = await client.post(URL, json=request())
    assert answer.content_type == "text/event-stream"
    assert (answer.headers["X-Codec-Seed"], answer.headers["Cache-Control"]) == ("1", "no-store")
    *steps, picture, done = parsed(await answer.text())
    assert [name for name, _ in steps] == ["image_generation.progress"] * 3
    assert [(data["value"], data["max"], data["class_type"]) for _, data in steps] == [
        (i + 1, 3, "KSampler") for i in range(3)
    ]
    assert picture[0] == picture[1]["type"] == "image_generation.completed"
    assert base64.b64decode(picture[1]["b64_json"]) == b"PNG"
    assert done == (None, "[DONE]")


async def test_a_clip_has_its_own_event_names(client) -> None:
    answer = await client.post("/v1/videos/generations", json=request(frames=3, response_format="url"))
    events = parsed(await answer.text())
    assert events[0][0] == "video_generation.progress"
    name, data = events[-2]
    assert name == "video_generation.completed"
    assert (data["frames"], data["fps"]) == (3, 24)
    assert "/view?" in data["url"]


async def test_a_failure_is_an_event_that_names_no_secret(client, host) -> None:
    host.entry = {"status": {"status_str": "error"}, "outputs": {}}
    answer = await client.post(URL, json=request(prompt="my secret"))
    text = await answer.text()
    name, data = parsed(text)[-2]
    assert (answer.status, name, data["error"]["code"]) == (200, "error", "generation_failed")
    assert "secret" not in text


async def test_refusals_stay_plain_answers(client, host) -> None:
    for fields, status in (({"steps": 0}, 400), ({"stream": 1}, 400)):
        answer = await client.post(URL, json=request(**fields))
        assert (answer.status, answer.content_type) == (status, "application/json")
    host.refused = {"error": {}}
    assert (await client.post(URL, json=request())).status == 500


async def test_latents_are_a_stream_of_their_own_kind_whatever_the_flag(client, host) -> None:
    answer = await client.post(URL, json=request(stream_format="msgpack"))
    assert answer.content_type == "application/x-msgpack"


async def test_silence_is_filled_so_that_no_proxy_hangs_up(client, host, monkeypatch) -> None:
    monkeypatch.setattr(event_answer, "KEEP_ALIVE_S", 0.02)
    host.never_ends, host.steps = True, []
    answer = await client.post(URL, json=request())
    async with asyncio.timeout(5):
        assert (await answer.content.readline()).startswith(b": ")
    host.end(host.entry)
    assert (await answer.text()).endswith("data: [DONE]\n\n")


async def test_a_client_that_leaves_takes_its_prompt_with_it(client, host) -> None:
    host.never_ends = True
    answer = await client.post(URL, json=request())
    await answer.content.readline()
    answer.close()
    async with asyncio.timeout(5):
        await host.was_cancelled.wait()
    assert len(host.cancelled) == 1
