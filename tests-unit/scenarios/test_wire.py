"""The wire of a whole server with the demo model: clips, clients that leave, decoding at the leaf, slow readers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import requests
from PIL import Image

from codec_transport import (
    LatentStreamEncoder,
    LatentStreamWriter,
    decode_latent_frame_msgpack,
    split_messages,
)
from codec_transport.client import aio
from codec_transport.client.__main__ import main
from codec_transport.client.fetch import LatentStream, fetch_kept, fetch_latent
from codec_transport.client.receiver import LatentReceiver
from codec_transport.client.requests import Understanding, generation_request

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "models/checkpoints/codec-demo-sd1.safetensors"
CLIP = {"size": "64x64", "frames": 6, "steps": 2, "seed": 7, "fps": 6}
VIDEO = {"modality": "video-latents", **CLIP}


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server(demo_model=True)


def history_of(server: Any, prompt_id: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{server.url}/history/{prompt_id}", timeout=10).json()
    return found.get(prompt_id, {})


def test_a_clip_moves_from_the_first_prompt_to_the_last(server: Any) -> None:
    understanding = Understanding()
    request = generation_request("cat -> dog", understanding, pipeline="raw", **VIDEO)
    with LatentStream(server.url, request, understanding) as stream:
        frames = list(stream)
    header = stream.header
    assert header is not None
    assert (len(frames), header.total_frames, header.fps, header.shape) == (6, 6, 6, (4, 8, 8))
    distances = [float(np.abs(frame - frames[0]).mean()) for frame in frames]
    assert distances == sorted(distances)
    assert distances[0] == 0.0
    assert distances[-1] > distances[1] > 0.0


def test_delta_frames_are_those_of_the_integer_grid_and_come_again_without_sampling(server: Any) -> None:
    understanding = Understanding()
    request = generation_request("cat -> dog", understanding, pipeline="delta+int8", **VIDEO)
    with LatentStream(server.url, request, understanding) as stream:
        delta = np.stack(list(stream))
    raw = fetch_kept(server.url, stream.headers["X-Codec-Prompt-Id"], pipeline="raw")
    assert raw.shape == delta.shape == (6, 4, 8, 8)
    receiver = LatentReceiver({"Content-Type": "application/x-msgpack"})
    writer = LatentStreamWriter(
        LatentStreamEncoder("codec-comfyui/demo-sd1", (4, 8, 8), "fp16", "delta+int8")
    )
    buffers = writer.header()
    for i, frame in enumerate(raw):
        buffers += writer.frame(frame, last=i == 5)
    assert np.array_equal(np.stack(list(receiver.feed(b"".join(buffers)))), delta)
    both = fetch_kept(
        server.url, stream.headers["X-Codec-Prompt-Id"], pipeline="delta+int8", stream_format="protobuf"
    )
    assert np.array_equal(both, delta)


def test_pixels_of_a_clip_are_a_video_of_its_length(server: Any, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    body = {"prompt": "cat -> dog", **CLIP, "response_format": "url"}
    answer = requests.post(server.url + "/v1/videos/generations", json=body, timeout=120).json()
    assert (answer["fps"], answer["frames"]) == (6, 6)
    path = tmp_path / "clip.mp4"
    path.write_bytes(requests.get(answer["data"][0]["url"], timeout=10).content)
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 6


@pytest.mark.parametrize("name", ["leaf.png", "leaf.mp4"])
def test_decoding_at_the_leaf_gives_what_the_server_would_have_shown(
    server: Any, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picture that the client decodes equals the server's own within what 8-bit latents lose."""
    asked = [
        "--size",
        "64x64",
        "--steps",
        "2",
        "--seed",
        "7",
        "--decode",
        str(tmp_path / name),
        "--vae",
        str(DEMO),
    ]
    video = ["--video", "--frames", "3"] if name.endswith("mp4") else []
    assert main([server.url, "cat", *asked, *video]) == 0, capsys.readouterr().err
    if video:
        assert b"ftyp" in (tmp_path / name).read_bytes()[:16]
        return
    body = {"prompt": "cat", "size": "64x64", "steps": 2, "seed": 7, "response_format": "url"}
    url = requests.post(server.url + "/v1/images/generations", json=body, timeout=120).json()["data"][0][
        "url"
    ]
    (tmp_path / "server.png").write_bytes(requests.get(url, timeout=10).content)
    ours, theirs = (np.asarray(Image.open(tmp_path / file), np.float64) for file in (name, "server.png"))
    assert ours.shape == theirs.shape == (64, 64, 3)
    error = float(((ours - theirs) ** 2).mean())
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > 30  # dB; int8 with a scale per channel


def test_a_client_that_leaves_stops_the_sampler_within_steps(server: Any) -> None:
    body = generation_request(
        "cat", Understanding(), modality="video-latents", size="128x128", steps=1000, frames=8
    )
    with LatentStream(server.url, body) as stream:
        prompt_id = stream.headers["X-Codec-Prompt-Id"]
    left = time.monotonic()
    while not (entry := history_of(server, prompt_id)):
        assert time.monotonic() - left < 20, "the generation goes on"
        time.sleep(0.05)
    assert entry["status"]["completed"] is False
    assert "execution_interrupted" in [name for name, _ in entry["status"]["messages"]]


def test_a_saved_workflow_answers_in_latents_and_a_broken_one_says_which_node(server: Any) -> None:
    graph = json.loads((ROOT / "codec_transport/endpoints/graphs/sd1.json").read_text())
    values = {
        "checkpoint": DEMO.name, "prompt": "cat", "negative_prompt": "", "width": 64, "height": 128, "count": 1,
        "seed": 3, "steps": 2, "guidance_scale": 3.0, "sampler_name": "euler", "scheduler": "normal",
    }  # fmt: skip
    text = json.dumps({**graph["common"], **graph["files"]})
    for name, value in values.items():
        text = text.replace(f'"${name}"', json.dumps(value))
    workflow = json.loads(text)
    latent = fetch_latent(server.url, "", workflow=workflow, pipeline="int8-adaptive")
    assert latent.shape == (4, 16, 8)
    workflow["sample"]["inputs"]["sampler_name"] = "none such"
    body = {"workflow": workflow, "modality": "image-latents"}
    refused = requests.post(server.url + "/v1/images/generations", json=body, timeout=10)
    assert refused.status_code == 400
    assert refused.json()["node_errors"]["sample"]["errors"][0]["type"] == "value_not_in_list"


def test_events_tell_each_step_and_end_with_the_picture(server: Any) -> None:
    body = {"prompt": "cat", "size": "64x64", "steps": 3, "stream": True, "response_format": "url"}
    answer = requests.post(server.url + "/v1/images/generations", json=body, timeout=120)
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    steps = [json.loads(event) for event in events[:-2]]
    assert [(step["value"], step["max"]) for step in steps if step["class_type"] == "KSampler"] == [
        (1, 3), (2, 3), (3, 3)
    ]  # fmt: skip
    assert requests.get(json.loads(events[-2])["url"], timeout=10).content[:4] == b"\x89PNG"


async def test_slow_readers_starve_nobody(server: Any) -> None:
    """Sixteen readers that take a message at a time, an ordinary client and a watcher beside them."""
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    fields = {**VIDEO, "pipeline": "raw"}
    latencies: list[float] = []

    async def read_slowly(seed: int) -> int:
        num_frames = 0
        async with contextlib.aclosing(
            aio.stream_latents(server.url, "cat -> dog", **{**fields, "seed": seed})
        ) as latents:
            async for _ in latents:
                num_frames += 1
                await asyncio.sleep(0.02)
        return num_frames

    async def watch(session: aiohttp.ClientSession) -> None:
        while True:
            started = time.monotonic()
            async with session.get(server.url + "/system_stats") as answer:
                await answer.read()
            latencies.append(time.monotonic() - started)
            await asyncio.sleep(0.05)

    async with aiohttp.ClientSession() as session:
        watcher = asyncio.create_task(watch(session))
        readers = [asyncio.create_task(read_slowly(seed)) for seed in range(16)]
        async with session.post(server.url + "/prompt", json={"prompt": graph}) as answer:
            prompt_id = (await answer.json())["prompt_id"]
        assert await asyncio.gather(*readers) == [6] * 16
        async with session.get(f"{server.url}/history/{prompt_id}") as answer:
            assert (await answer.json())[prompt_id]["status"]["completed"]
        watcher.cancel()
    assert sorted(latencies)[len(latencies) // 2] < 1.0


def test_the_command_lines_of_the_page_work_as_printed(server: Any, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    page = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
    lines = [block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if block.startswith("curl")]
    assert len(lines) == 2
    for line in lines:
        command = line.replace("http://127.0.0.1:8188", server.url).replace(
            '"frames": 12', '"frames": 3, "steps": 2'
        )
        subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True, timeout=120)
    for name, num_messages in (("apple.msgpack", 2), ("clip.msgpack", 4)):
        messages = list(split_messages([(tmp_path / name).read_bytes()], "msgpack"))
        assert len(messages) == num_messages
        assert decode_latent_frame_msgpack(messages[-1]).finish_reason == "ok"


def streaming_graph(num_frames: int) -> dict[str, Any]:
    """Pictures become latents one after another and leave as they are made; nothing holds all of them."""
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": DEMO.name}},
        "2": {
            "class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 64, "batch_size": num_frames, "color": 0x3366CC},
        },
        "3": {"class_type": "ImageBatchToStream", "inputs": {"image": ["2", 0]}},
        "4": {"class_type": "VAEEncodeStream", "inputs": {"stream": ["3", 0], "vae": ["1", 2]}},
        "5": {
            "class_type": "EmitLatents",
            "inputs": {
                "latents": ["4", 0], "latent_space": "", "pipeline": "delta+int8", "frame_rate": 6.0, "channel": "c",
            },
        },
    }  # fmt: skip


def test_a_latent_stream_of_the_engine_leaves_while_it_is_made(server: Any) -> None:
    understanding = Understanding()
    fields = {"modality": "video-latents", "workflow": streaming_graph(40), "fps": 6}
    request = generation_request("", understanding, pipeline=None, **fields)
    with LatentStream(server.url, request, understanding) as stream:
        frames = list(stream)
        header = stream.header
    assert header is not None
    assert (len(frames), header.shape, header.pipeline, header.fps) == (40, (4, 8, 8), "delta+int8", 6)
    assert header.total_frames in (None, 40)  # known when all of it came in one part
    assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_a_client_that_leaves_a_stream_of_the_engine_ends_its_prompt(server: Any) -> None:
    understanding = Understanding()
    fields = {"modality": "video-latents", "workflow": streaming_graph(600)}
    request = generation_request("", understanding, pipeline="raw", **fields)
    with LatentStream(server.url, request, understanding) as stream:
        prompt_id = stream.headers["X-Codec-Prompt-Id"]
        next(iter(stream))
    left = time.monotonic()
    while not (entry := history_of(server, prompt_id)):
        assert time.monotonic() - left < 20, "the prompt goes on"
        time.sleep(0.05)
    assert entry["status"]["completed"] is False
    assert fetch_latent(server.url, "cat", size="64x64", steps=1).shape == (4, 8, 8)
