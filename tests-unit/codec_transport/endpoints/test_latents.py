"""GET /codec/latents/{prompt_id}: the same latent through other pipelines, without another run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codec_transport import (
    LatentStreamDecoder,
    decode_latent_frame_msgpack,
    decode_latent_header_msgpack,
    decode_latent_header_protobuf,
    split_messages,
)
from codec_transport.channel import EmittedLatent

LATENTS = {"Accept": "application/x-codec-msgpack"}


@pytest.fixture
def kept(host) -> EmittedLatent:
    """A picture that the prompt "p" emitted while nobody listened."""
    samples = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(2))
    latent = EmittedLatent("p", "default", samples, "codec-comfyui/demo-sd1", "int8-adaptive", 0.0)
    host.channels.emit(latent)
    return latent


async def messages(answer) -> list[bytes]:
    assert answer.status == 200, await answer.text()
    return list(split_messages([await answer.read()], "msgpack"))


async def test_the_latent_comes_as_it_was_emitted_when_nothing_is_asked_for(client, host, kept) -> None:
    header, frame = await messages(await client.get("/codec/latents/p"))
    head = decode_latent_header_msgpack(header)
    assert (head.shape, head.pipeline, head.total_frames, head.fps) == ((4, 6, 6), "int8-adaptive", 1, None)
    decoded = LatentStreamDecoder(head).decode_frame(decode_latent_frame_msgpack(frame))
    sent = kept.samples[0].numpy() * 0.18215
    assert np.abs(decoded - sent).max() <= np.abs(sent).max() / 127
    assert host.graphs == []


async def test_any_pipeline_and_format_can_be_asked_for_again_and_again(client, kept) -> None:
    for pipeline, size in (("raw", 288), ("int8", 144), ("int4", 72)):
        _, frame = await messages(await client.get("/codec/latents/p", params={"pipeline": pipeline}))
        assert len(decode_latent_frame_msgpack(frame).data) == size
    answer = await client.get("/codec/latents/p", params={"stream_format": "protobuf"})
    header, _ = split_messages([await answer.read()], "protobuf")
    assert decode_latent_header_protobuf(header).shape == (4, 6, 6)


async def test_what_a_request_made_is_kept_under_its_prompt_id(client, host) -> None:
    made = await client.post(
        "/v1/images/generations", json={"prompt": "cat", "pipeline": "raw"}, headers=LATENTS
    )
    body = await made.read()
    again = await client.get(f"/codec/latents/{made.headers['X-Codec-Prompt-Id']}", headers=LATENTS)
    assert await again.read() == body
    assert len(host.graphs) == 1


async def test_a_batch_comes_as_frames(client, host, kept) -> None:
    host.channels.emit(
        replace(kept, prompt_id="clip", samples=kept.samples.repeat(3, 1, 1, 1), frame_rate=8.0)
    )
    answer = await client.get(
        "/codec/latents/clip", params={"pipeline": "delta+int8", "keyframe_interval": "2"}
    )
    header, *frames = await messages(answer)
    head = decode_latent_header_msgpack(header)
    assert (head.total_frames, head.fps) == (3, 8)
    assert [decode_latent_frame_msgpack(frame).keyframe for frame in frames] == [True, False, True]


async def test_the_parts_of_a_stream_come_as_one(client, host, kept) -> None:
    for i in range(3):
        host.channels.emit(replace(kept, prompt_id="stream", frame_rate=4.0, is_last=i == 2))
    header, *frames = await messages(await client.get("/codec/latents/stream"))
    assert decode_latent_header_msgpack(header).total_frames == len(frames) == 3
    assert decode_latent_frame_msgpack(frames[-1]).done


async def test_a_latent_that_left_its_space_open_gets_that_of_its_prompts_checkpoint(
    client, host, kept
) -> None:
    host.prompts["open"] = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "codec-demo-sd1.safetensors"}},
        "2": {"class_type": "EmitLatents", "inputs": {"latents": ["1", 0], "channel": "c"}},
    }
    host.channels.emit(replace(kept, prompt_id="open", channel="c", latent_space=""))
    header, _ = await messages(await client.get("/codec/latents/open"))
    assert decode_latent_header_msgpack(header).latent_space_id == "codec-comfyui/demo-sd1"
    host.channels.emit(replace(kept, prompt_id="lost", latent_space=""))
    answer = await client.get("/codec/latents/lost")
    assert (answer.status, (await answer.json())["error"]["code"]) == (400, "latent_space_unavailable")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("unknown", 404, "latents_not_found"),
        ("p?channel=other", 404, "latents_not_found"),
        ("p?pipeline=delta%2Bint8", 400, "pipeline_not_supported"),
        ("p?pipeline=int9", 400, "unknown_pipeline"),
        ("p?stream_format=xml", 400, "unknown_stream_format"),
        ("p?latent_space=stabilityai/sdxl-vae", 400, "latent_space_unavailable"),
        ("p?keyframe_interval=many", 400, "invalid_type"),
    ],
)
async def test_what_cannot_be_had_is_said(client, kept, path, status, code) -> None:
    answer = await client.get(f"/codec/latents/{path}")
    assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)


async def test_the_channels_that_there_are_stand_in_the_refusal(client, host, kept) -> None:
    for channel in ("a", "b"):
        host.channels.emit(replace(kept, prompt_id="q", channel=channel))
    answer = await client.get("/codec/latents/q")
    assert (answer.status, (await answer.json())["channels"]) == (404, ["a", "b"])
    assert (await client.get("/codec/latents/q?channel=b")).status == 200


async def test_pins_and_codings_count_here_too(client, kept) -> None:
    pinned = await client.get("/codec/latents/p", headers={"X-Codec-Map": "sha256:" + "0" * 64})
    assert pinned.status == 409
    coded = await client.get("/codec/latents/p", headers={"Accept-Encoding": "gzip"})
    assert coded.headers["Content-Encoding"] == "gzip"
    assert len(await messages(coded)) == 2
