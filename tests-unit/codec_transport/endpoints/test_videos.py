"""POST /v1/videos/generations over a real socket: frames one by one, back-pressure, readers that stall or leave."""

from __future__ import annotations

import asyncio
import base64
import threading
import tracemalloc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from codec_transport import (
    LatentStreamDecoder,
    LatentStreamWriter,
    decode_latent_frame_msgpack,
    decode_latent_header_msgpack,
    split_messages,
)
from codec_transport.client.receiver import LatentReceiver
from codec_transport.endpoints.context import CODEC
from codec_transport.endpoints.patience import StreamLimits
from codec_transport.errors import ListenerGoneError
from codec_transport.spaces.builtin import builtin_spaces
from codec_transport.spaces.registry import SpaceRegistry

URL = "/v1/videos/generations"
LATENTS = {"Accept": "application/x-codec-msgpack"}
PLAIN = {**LATENTS, "Accept-Encoding": "identity"}
"""For tests that look at single chunks: the test's own client would undo codings before we see them."""
NUM_FRAMES = 6


EMIT = {
    "latents": ["sampler", 0],
    "latent_space": "codec-comfyui/demo-sd1",
    "pipeline": "raw",
    "frame_rate": 5.0,
    "channel": "default",
}
LARGE = {"workflow": {"emit": {"class_type": "EmitLatents", "inputs": EMIT}}}
"""A caller's graph: it may emit latents of any size, as many as sockets cannot hold."""


def request(**fields: object) -> dict[str, object]:
    return {"prompt": "cat", "size": "128x128", "seed": 1, "steps": 2, "frames": NUM_FRAMES, **fields}


def clip(num_frames: int = NUM_FRAMES) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    start, end = torch.randn(2, 4, 16, 16, generator=generator)
    return torch.stack([torch.lerp(start, end, i / 20) for i in range(num_frames)]) / 0.18215


@pytest.fixture(autouse=True)
def clip_host(host):
    host.samples = clip()
    return host


async def read_messages(answer) -> list[bytes]:
    return list(split_messages([await answer.read()], "msgpack"))


async def test_a_clip_is_a_header_and_a_frame_for_each_item_of_the_batch(client) -> None:
    answer = await client.post(URL, json=request(pipeline="raw", fps=12), headers=LATENTS)
    header, *frames = await read_messages(answer)
    head = decode_latent_header_msgpack(header)
    assert (head.shape, head.total_frames, head.fps, head.pipeline) == ((4, 16, 16), NUM_FRAMES, 12, "raw")
    read = [decode_latent_frame_msgpack(frame) for frame in frames]
    assert [frame.seq for frame in read] == list(range(NUM_FRAMES))
    assert [frame.done for frame in read] == [False] * (NUM_FRAMES - 1) + [True]
    assert all(frame.keyframe for frame in read)
    assert [frame.finish_reason for frame in read] == [None] * (NUM_FRAMES - 1) + ["ok"]


@pytest.mark.parametrize("pipeline", ["delta+int8", "delta+int4"])
async def test_delta_streams_decode_to_the_clip_within_one_step_of_the_grid(client, host, pipeline) -> None:
    answer = await client.post(URL, json=request(pipeline=pipeline, keyframe_interval=4), headers=LATENTS)
    header, *frames = await read_messages(answer)
    decoder = LatentStreamDecoder(decode_latent_header_msgpack(header))
    read = [decode_latent_frame_msgpack(frame) for frame in frames]
    assert read[0].keyframe and read[4].keyframe
    assert not read[1].keyframe
    sent = (host.samples * 0.18215).half().float().numpy()
    largest = 127 if pipeline.endswith("8") else 7
    keyframe = 0
    for i, frame in enumerate(read):
        keyframe = i if frame.keyframe else keyframe
        steps = np.abs(sent[keyframe]).max(axis=(1, 2)) / largest
        off = np.abs(decoder.decode_frame(frame) - sent[i]).max(axis=(1, 2))
        # values beyond the keyframe's own largest saturate: the clip moves by a twentieth a frame
        assert (off <= steps * 0.51 + np.maximum(np.abs(sent[i]).max(axis=(1, 2)) - steps * largest, 0)).all()


async def test_the_three_spellings_of_a_length_count_the_same_frames(client, host) -> None:
    for fields in (
        {"frames": NUM_FRAMES, "fps": 3},
        {"duration_seconds": 2, "fps": 3, "frames": None},
        {"frames": NUM_FRAMES, "duration_seconds": 77, "resolution": 128, "size": None},
    ):
        answer = await client.post(URL, json=request(**fields), headers=LATENTS)
        header, *_ = await read_messages(answer)
        assert decode_latent_header_msgpack(header).total_frames == NUM_FRAMES
        assert host.graphs[-1]["positive"]["inputs"]["frames"] == NUM_FRAMES


async def test_an_arrow_in_the_prompt_says_how_the_clip_begins_and_ends(client, host) -> None:
    await client.post(URL, json=request(prompt="a cat on the left -> a cat on the right"), headers=LATENTS)
    await client.post(URL, json=request(prompt="a cat"), headers=LATENTS)
    texts = [(graph["first"]["inputs"]["text"], graph["last"]["inputs"]["text"]) for graph in host.graphs]
    assert texts == [("a cat on the left", "a cat on the right"), ("a cat", "a cat")]
    assert host.graphs[0]["noise"]["inputs"]["seed_behavior"] == "fixed"


async def test_the_header_leaves_before_the_first_latent_is_there(client, host) -> None:
    host.samples, host.never_ends = None, True
    answer = await client.post(URL, json=request(pipeline="int8"), headers=LATENTS)
    header = decode_latent_header_msgpack(await answer.content.readany())
    assert (header.shape, header.total_frames, len(header.scales)) == ((4, 16, 16), NUM_FRAMES, 8)
    answer.close()


async def received(answer, receiver: LatentReceiver, num_latents: int) -> list[np.ndarray]:
    latents: list[np.ndarray] = []
    async with asyncio.timeout(5):
        while len(latents) < num_latents:
            latents += receiver.feed(await answer.content.readany())
    return latents


async def test_a_part_is_read_before_the_next_one_exists(client, host, monkeypatch) -> None:
    """Each part is made only when the client has read the one before: nothing is held back anywhere."""
    frames, may_go_on = clip(3), threading.Semaphore(0)
    emit = host.channels.emit

    def emit_when_asked(latent):
        assert may_go_on.acquire(timeout=5)
        emit(latent)

    monkeypatch.setattr(host.channels, "emit", emit_when_asked)
    host.parts = [frames[i : i + 1] for i in range(3)]
    answer = await client.post(URL, json=request(frames=3), headers=PLAIN)
    receiver = LatentReceiver(dict(answer.headers))
    for _ in range(3):
        may_go_on.release()
        assert len(await received(answer, receiver, 1)) == 1
    assert await answer.content.read() == b""
    receiver.end()


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_every_frame_is_flushed_through_the_content_coding(client, host, monkeypatch, coding) -> None:
    host.parts = [clip(2)[:1], clip(2)[1:]]
    second = threading.Event()
    emit = host.channels.emit

    def hold_second(latent):
        if latent.is_last:
            assert second.wait(5)
        emit(latent)

    monkeypatch.setattr(host.channels, "emit", hold_second)
    headers = {**LATENTS, "Accept-Encoding": coding}
    body = request(frames=2, pipeline="delta+int8")
    answer = await client.post(URL, json=body, headers=headers, auto_decompress=False)
    assert answer.headers["Content-Encoding"] == coding
    receiver = LatentReceiver(dict(answer.headers))
    assert len(await received(answer, receiver, 1)) == 1
    second.set()
    assert len(await received(answer, receiver, 1)) == 1


async def test_an_emitter_waits_for_a_client_that_does_not_read_and_no_longer(client, host) -> None:
    """48 parts of 512 KiB: what the sockets and the two places of the inbox do not hold stays with the emitter."""
    host.parts = [torch.full((1, 4, 256, 256), float(i)) for i in range(48)]
    answer = await client.post(URL, json=LARGE, headers=PLAIN)
    await host.was_submitted.wait()
    receiver = LatentReceiver(dict(answer.headers))
    latents = await received(answer, receiver, 1)
    assert len(host.emitted) < 40
    while len(latents) < 48:
        latents += await received(answer, receiver, 1)
    receiver.end()
    await host.emitter_done()
    assert host.emitted == list(range(48))
    assert [round(float(latent[0, 0, 0]) / 0.18215) for latent in latents] == list(range(48))


class TestImpatience:
    """A reader that stalls loses its own stream and nothing else."""

    @pytest.fixture
    def stream_limits(self) -> StreamLimits:
        return StreamLimits(slow_reader_s=0.2, max_per_client=2)

    async def test_a_reader_that_stalls_is_cut_off_and_its_prompt_cancelled(self, client, host) -> None:
        host.parts = [torch.zeros(1, 4, 256, 256) for _ in range(64)]
        stalled = await client.post(URL, json=LARGE, headers=PLAIN)
        stalled.content._protocol.pause_reading()
        async with asyncio.timeout(10):
            await host.was_cancelled.wait()
        await host.emitter_done()
        assert isinstance(host.emit_error, ListenerGoneError) or len(host.emitted) < 64
        host.parts = [clip()]
        other = await client.post(URL, json=request(), headers=PLAIN)
        assert len(await read_messages(other)) == NUM_FRAMES + 1
        stalled.close()

    async def test_one_client_gets_so_many_streams_and_no_more(self, client, host) -> None:
        host.samples, host.never_ends = None, True
        open_streams = [await client.post(URL, json=request(), headers=PLAIN) for _ in range(2)]
        refused = await client.post(URL, json=request(), headers=PLAIN)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert (await refused.json())["error"]["code"] == "busy"
        for stream in open_streams:
            stream.close()
        async with asyncio.timeout(5):
            while len(host.cancelled) < 2:
                await host.was_cancelled.wait()
                host.was_cancelled.clear()
        again = await client.post(URL, json=request(), headers=PLAIN)
        assert again.status == 200
        again.close()


async def test_a_client_that_leaves_halfway_stops_the_emitter(client, host) -> None:
    host.parts = [torch.zeros(1, 4, 256, 256) for _ in range(64)]
    answer = await client.post(URL, json=LARGE, headers=PLAIN)
    await received(answer, LatentReceiver(dict(answer.headers)), 1)
    answer.close()
    async with asyncio.timeout(5):
        await host.was_cancelled.wait()
    await host.emitter_done()
    assert len(host.emitted) < 64


async def test_a_failure_halfway_is_an_error_frame_behind_the_good_ones(client, host, monkeypatch) -> None:
    emit = host.channels.emit

    def emit_then_fail(latent):
        if latent.is_last:
            host.end({"status": {"status_str": "error"}, "outputs": {}})
        else:
            emit(latent)

    monkeypatch.setattr(host.channels, "emit", emit_then_fail)
    host.parts = [clip()[:2], clip()[2:]]
    answer = await client.post(URL, json=request(), headers=LATENTS)
    _, *frames = await read_messages(answer)
    last = decode_latent_frame_msgpack(frames[-1])
    assert len(frames) == 3
    assert (last.seq, last.keyframe, last.done, last.finish_reason, bytes(last.data)) == (
        2,
        True,
        True,
        "error",
        b"",
    )


async def test_a_latent_of_another_shape_than_promised_is_an_error_frame(client, host) -> None:
    host.samples = torch.zeros(2, 4, 8, 8)
    _, frame = await read_messages(await client.post(URL, json=request(), headers=LATENTS))
    assert decode_latent_frame_msgpack(frame).finish_reason == "error"


async def test_pixels_are_one_video_file_with_rate_and_length(client, host, tmp_path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"MP4")
    host.samples = None
    file = {"filename": "v.mp4", "subfolder": "", "type": "output"}
    host.entry = {
        "status": {"status_str": "success"},
        "outputs": {"save": {"images": [file], "animated": [True]}},
    }
    body = await (await client.post(URL, json=request(fps=8))).json()
    assert base64.b64decode(body["data"][0]["b64_json"]) == b"MP4"
    assert (body["fps"], body["frames"], len(body["data"])) == (8, NUM_FRAMES, 1)
    by_url = await (await client.post(URL, json=request(response_format="url"))).json()
    assert by_url["data"][0]["url"].endswith("/view?filename=v.mp4&subfolder=&type=output")
    assert host.graphs[0]["video"]["inputs"]["fps"] == 8.0


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"frames": 0}, 400, "invalid_value"),
        ({"frames": 241}, 400, "invalid_value"),
        ({"frames": 240, "size": "256x256"}, 400, "invalid_value"),
        ({"fps": 0}, 400, "invalid_value"),
        ({"frames": None, "duration_seconds": 11, "fps": 24}, 400, "invalid_value"),
        ({"keyframe_interval": 25, "pipeline": "delta+int8"}, 400, "invalid_value"),
        ({"size": None, "resolution": 100}, 400, "invalid_size"),
        ({"modality": "image-latents"}, 400, "modality_endpoint_mismatch"),
        ({"modality": "video", "n": 2}, 400, "invalid_value"),
        ({"stream": "yes"}, 400, "invalid_type"),
    ],
)
async def test_refusals_come_before_any_work(client, host, fields, status, code) -> None:
    answer = await client.post(URL, json=request(**fields), headers=LATENTS)
    assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)
    assert host.graphs == []


async def test_the_service_information_says_that_clips_can_be_asked_for(client, serve_model) -> None:
    info = await (await client.get("/codec/info")).json()
    assert info["modality_supported"] == ["image-latents", "video-latents"]
    assert "delta+int8" in info["video_pipelines"]
    assert "delta+int8" not in info["image_pipelines"]


async def test_the_first_frame_of_a_batch_is_read_before_the_second_is_encoded(client, monkeypatch) -> None:
    was_read = threading.Event()
    encode = LatentStreamWriter.frame

    def encode_later(writer, latent, **options):
        if writer.statistics.num_frames == 1:
            assert was_read.wait(5)
        return encode(writer, latent, **options)

    monkeypatch.setattr(LatentStreamWriter, "frame", encode_later)
    answer = await client.post(URL, json=request(pipeline="delta+int8"), headers=PLAIN)
    receiver = LatentReceiver(dict(answer.headers))
    assert len(await received(answer, receiver, 1)) == 1
    was_read.set()
    assert len(await received(answer, receiver, NUM_FRAMES - 1)) == NUM_FRAMES - 1


class LazyClip:
    """120 frames of 16x60x104, each made when it is asked for; knows how many are alive at a time."""

    num_frames = 120

    def __init__(self) -> None:
        self.alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
        self.most_alive = 0

    def __len__(self) -> int:
        return self.num_frames

    def __iter__(self):
        for i in range(self.num_frames):
            frame = torch.full((1, 16, 60, 104), float(i))
            self.alive.add(frame)
            self.most_alive = max(self.most_alive, len(self.alive))
            yield frame
            del frame


async def test_a_long_stream_holds_a_few_frames_and_never_the_whole(client, host) -> None:
    """One waits, one is being encoded, one is being made; the loops of both sides still hold the one before."""
    host.parts = clip = LazyClip()
    frame_bytes = 16 * 60 * 104 * 4
    body = {"workflow": {"emit": {"class_type": "EmitLatents", "inputs": {**EMIT, "latent_space": "wide"}}}}
    client.app[CODEC].spaces = SpaceRegistry(
        [replace(builtin_spaces()[0], id="wide", shape=(16, 60, 104), static_scales=None)]
    )
    tracemalloc.start()
    try:
        answer = await client.post(URL, json={**body, "pipeline": "delta+int8"}, headers=PLAIN)
        receiver = LatentReceiver(dict(answer.headers))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(clip.num_frames):
            await received(answer, receiver, 1)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    receiver.end()
    assert clip.most_alive <= 5, "one of them is the emitter's own"
    assert peak <= 4 * frame_bytes
