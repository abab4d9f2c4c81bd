"""POST /v1/images/generations over a real socket: latents, pixels, refusals, clients that leave."""

from __future__ import annotations

import asyncio
import base64
import io

import numpy as np
import pytest
import torch

from codec_transport import (
    LatentStreamDecoder,
    decode_latent_frame_msgpack,
    decode_latent_frame_protobuf,
    decode_latent_header_msgpack,
    decode_latent_header_protobuf,
    split_messages,
)

LATENTS = {"Accept": "application/x-codec-msgpack"}
URL = "/v1/images/generations"


def request(**fields: object) -> dict[str, object]:
    return {"prompt": "cat", "size": "128x128", "seed": 1, "steps": 2, **fields}


async def test_int8_adaptive_is_one_header_and_one_frame_of_the_model_space_latent(client, host) -> None:
    answer = await client.post(URL, json=request(pipeline="int8-adaptive"), headers=LATENTS)
    assert answer.status == 200
    assert answer.content_type == "application/x-codec-msgpack"
    messages = list(split_messages([await answer.read()], "msgpack"))
    header, frame = decode_latent_header_msgpack(messages[0]), decode_latent_frame_msgpack(messages[1])
    assert len(messages) == 2
    assert (header.shape, header.pipeline, header.dtype) == ((4, 16, 16), "int8-adaptive", "fp16")
    assert header.latent_space_id == "codec-comfyui/demo-sd1"
    assert (frame.seq, frame.keyframe, frame.done, frame.finish_reason) == (0, True, True, "ok")
    assert len(frame.data) == 4 * 2 + 4 * 16 * 16
    decoded = LatentStreamDecoder(header).decode_frame(frame)
    sent = host.samples[0].numpy() * 0.18215
    assert np.abs(decoded - sent).max() <= np.abs(sent).max() / 127


async def test_protobuf_is_length_prefixed_and_says_the_same(client) -> None:
    answer = await client.post(URL, json=request(stream_format="protobuf", pipeline="raw"))
    assert answer.content_type == "application/x-protobuf"
    header, frame = split_messages([await answer.read()], "protobuf")
    assert decode_latent_header_protobuf(header).shape == (4, 16, 16)
    assert decode_latent_frame_protobuf(frame).done


async def test_every_latent_answer_carries_map_seed_and_cache_headers(client) -> None:
    answer = await client.post(URL, json=request(seed=77), headers=LATENTS)
    document = await client.get("/.well-known/codec/latents/codec-comfyui/demo-sd1.json")
    assert answer.headers["Codec-Latent-Map"] == document.headers["ETag"].strip('"')
    assert answer.headers["X-Codec-Seed"] == "77"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Accept" in answer.headers["Vary"]


async def test_gzip_is_used_when_asked_for_and_unfolds_to_the_same_body(client) -> None:
    plain = await (await client.post(URL, json=request(), headers=LATENTS)).read()
    coded = await client.post(URL, json=request(), headers={**LATENTS, "Accept-Encoding": "gzip"})
    assert coded.headers["Content-Encoding"] == "gzip"
    assert await coded.read() == plain


async def test_the_graph_holds_what_the_request_asked_for(client, host) -> None:
    await client.post(
        URL,
        json=request(
            negative_prompt="dog", guidance_scale=4, sampler_name="euler", scheduler="karras", model="demo"
        ),
        headers=LATENTS,
    )
    graph = host.graphs[0]
    assert graph["positive"]["inputs"]["text"] == "cat"
    assert graph["negative"]["inputs"]["text"] == "dog"
    assert (
        graph["sample"]["inputs"] | {"cfg": 4.0, "steps": 2, "seed": 1, "scheduler": "karras"}
        == graph["sample"]["inputs"]
    )
    assert graph["noise"]["inputs"] == {"width": 128, "height": 128, "batch_size": 1}


async def test_without_a_seed_one_is_drawn_and_told(client, host) -> None:
    seeds = set()
    for _ in range(2):
        answer = await client.post(URL, json={"prompt": "cat"}, headers=LATENTS)
        seeds.add(answer.headers["X-Codec-Seed"])
    assert len(seeds) == 2
    assert {str(graph["sample"]["inputs"]["seed"]) for graph in host.graphs} == seeds


async def test_the_models_own_guidance_and_size_hold_where_the_request_is_silent(client, host) -> None:
    await client.post(URL, json={"prompt": "cat"}, headers=LATENTS)
    assert host.graphs[0]["sample"]["inputs"]["cfg"] == 3.0
    assert host.graphs[0]["noise"]["inputs"]["width"] == 128


async def test_a_prompt_that_ends_without_a_latent_gives_an_error_frame(client, host) -> None:
    host.samples = None
    host.entry = {"status": {"status_str": "error"}, "outputs": {}}
    answer = await client.post(URL, json=request(), headers=LATENTS)
    _, frame = split_messages([await answer.read()], "msgpack")
    decoded = decode_latent_frame_msgpack(frame)
    assert (decoded.done, decoded.finish_reason, bytes(decoded.data)) == (True, "error", b"")


async def test_a_latent_with_nan_ends_in_an_error_frame(client, host) -> None:
    host.samples[0, 2, 3, 3] = float("nan")
    answer = await client.post(URL, json=request(), headers=LATENTS)
    _, frame = split_messages([await answer.read()], "msgpack")
    assert decode_latent_frame_msgpack(frame).finish_reason == "error"


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"prompt": ""}, 400, "missing_prompt"),
        ({"size": "100x128"}, 400, "invalid_size"),
        ({"size": "9999999x8"}, 400, "invalid_size"),
        ({"steps": 0}, 400, "invalid_value"),
        ({"steps": "many"}, 400, "invalid_type"),
        ({"pipeline": "int5"}, 400, "unknown_pipeline"),
        ({"pipeline": "delta+int8"}, 400, "pipeline_not_supported"),
        ({"latent_space": "stabilityai/sdxl-vae"}, 400, "latent_space_unavailable"),
        ({"model": "nothing"}, 404, "model_not_found"),
        ({"modality": "video-latents"}, 400, "modality_endpoint_mismatch"),
        ({"modality": "audio-latents"}, 415, "unsupported_modality"),
        ({"n": 2}, 400, "invalid_value"),
        ({"sampler_name": "rm -rf"}, 400, "invalid_value"),
    ],
)
async def test_refusals_come_before_any_work(client, host, fields, status, code) -> None:
    answer = await client.post(URL, json=request(**fields), headers=LATENTS)
    body = await answer.json()
    assert (answer.status, body["error"]["code"]) == (status, code)
    assert body["detail"] == body["error"]["message"]
    assert host.graphs == []


async def test_a_pinned_map_of_another_hash_is_a_conflict(client, host) -> None:
    answer = await client.post(URL, json=request(), headers={**LATENTS, "X-Codec-Map": "sha256:" + "0" * 64})
    assert answer.status == 409
    assert (await answer.json())["latent_map"]["id"] == "codec-comfyui/demo-sd1"


async def test_a_body_that_is_too_large_is_not_read(client) -> None:
    answer = await client.post(URL, data=io.BytesIO(b"x" * (1024 * 1024 + 1)), headers=LATENTS)
    assert answer.status == 413


async def test_a_full_queue_is_busy(client, host) -> None:
    host.num_waiting = 10_000
    answer = await client.post(URL, json=request(), headers=LATENTS)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_a_refused_graph_is_our_failure(client, host) -> None:
    host.refused = {"error": {"type": "x"}}
    answer = await client.post(URL, json=request(), headers=LATENTS)
    assert (answer.status, (await answer.json())["error"]["code"]) == (500, "generation_failed")


async def test_pixels_come_as_base64_in_openais_shape(client, host, tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(b"PNG")
    host.samples = None
    host.entry = {
        "status": {"status_str": "success"},
        "outputs": {"show": {"images": [{"filename": "a.png", "subfolder": "", "type": "temp"}]}},
    }
    answer = await client.post(URL, json=request(n=1))
    body = await answer.json()
    assert base64.b64decode(body["data"][0]["b64_json"]) == b"PNG"
    assert isinstance(body["created"], int)
    assert "show" in host.graphs[0]


async def test_pixels_as_url_point_at_view(client, host) -> None:
    host.samples = None
    host.entry["outputs"] = {
        "save": {"images": [{"filename": "a b.png", "subfolder": "codec", "type": "output"}]}
    }
    body = await (await client.post(URL, json=request(response_format="url", n=3))).json()
    assert body["data"][0]["url"].endswith("/view?filename=a+b.png&subfolder=codec&type=output")
    assert host.graphs[0]["noise"]["inputs"]["batch_size"] == 3


async def test_a_failed_picture_is_a_500_that_names_no_secrets(client, host) -> None:
    host.samples = None
    host.entry = {"status": {"status_str": "error"}, "outputs": {}}
    answer = await client.post(URL, json=request(prompt="my secret"))
    assert answer.status == 500
    assert "secret" not in await answer.text()


@pytest.mark.parametrize("headers", [LATENTS, {}])
async def test_a_client_that_leaves_takes_its_prompt_with_it(client, host, headers) -> None:
    host.samples, host.never_ends = None, True
    task = asyncio.create_task(client.post(URL, json=request(), headers=headers))
    async with asyncio.timeout(5):
        await host.was_submitted.wait()
        if headers:
            (await task).close()
        else:
            task.cancel()
        await host.was_cancelled.wait()
    assert len(host.cancelled) == 1


async def test_a_model_without_a_video_mode_says_so(client, host, serve_model) -> None:
    serve_model(latent_space="stabilityai/sd-vae-ft-mse")
    answer = await client.post("/v1/videos/generations", json=request(), headers=LATENTS)
    assert "makes no videos" in (await answer.json())["detail"]
    assert host.graphs == []
    assert (answer.status, (await answer.json())["error"]["code"]) == (404, "model_not_found")


async def test_maps_index_and_scales_are_found_by_name_and_by_hash(client) -> None:
    index = await (await client.get("/.well-known/codec/index.json")).json()
    ids = {entry["id"] for entry in index["latents"]}
    assert {"stabilityai/sd-vae-ft-mse", "codec-comfyui/demo-sd1"} <= ids
    for entry in index["latents"]:
        path = entry["url"].split("/", 3)[3]
        named = await client.get("/" + path)
        hashed = await client.get(
            f"/.well-known/codec/latents/sha256/{entry['hash'].removeprefix('sha256:')}.json"
        )
        assert await named.read() == await hashed.read()
        for pipeline in (await named.json())["pipelines"]:
            if "static_scales" in pipeline:
                scales = await client.get("/" + pipeline["static_scales"]["url"].split("/", 3)[3])
                assert len(await scales.read()) == pipeline["static_scales"]["size_bytes"]


async def test_unknown_documents_are_404_with_a_reason(client) -> None:
    for path in (
        "latents/no/such.json",
        "latents/sha256/00.json",
        "scales/00.bin",
        "latents/..%2f..%2fx.json",
    ):
        answer = await client.get(f"/.well-known/codec/{path}")
        assert answer.status == 404


async def test_info_schema_and_health_answer(client) -> None:
    info = await (await client.get("/codec/info")).json()
    assert info["latent_space_id"] == "codec-comfyui/demo-sd1"
    assert "int8" in info["image_pipelines"]
    assert "message LatentFrame" in await (await client.get("/codec/schema")).text()
    health = await (await client.get("/health")).json()
    assert health == {
        "ok": True,
        "status": "ok",
        "model": "codec-demo-sd1.safetensors",
        "latent_space": "codec-comfyui/demo-sd1",
    }


@pytest.mark.parametrize(
    ("pipeline", "header_bytes", "data_bytes"),
    [("raw", 129, 32_768), ("int8", 147, 16_384), ("int4", 147, 8_192), ("int8-adaptive", 139, 16_392)],
)
async def test_sizes_at_512_pixels_are_those_of_the_specification(
    client, host, serve_model, pipeline, header_bytes, data_bytes
) -> None:
    """Headers are 26 bytes longer than without `vae_scale_factor`; frames take 47 bytes around their data."""
    serve_model(latent_space="stabilityai/sd-vae-ft-mse")
    host.samples = torch.zeros(1, 4, 64, 64)
    headers = {**LATENTS, "Accept-Encoding": "identity"}
    answer = await client.post(URL, json=request(size="512x512", pipeline=pipeline), headers=headers)
    body = await answer.read()
    header, frame = split_messages([body], "msgpack")
    assert (len(header), len(frame)) == (header_bytes, data_bytes + 47)
    read = decode_latent_header_msgpack(header)
    scales = await map_scales(client, "stabilityai/sd-vae-ft-mse", pipeline)
    assert read.scales == scales


async def map_scales(client, space_id: str, pipeline: str) -> bytes | None:
    """The block that the published map names for this pipeline."""
    document = await (await client.get(f"/.well-known/codec/latents/{space_id}.json")).json()
    entry = next(entry for entry in document["pipelines"] if entry["name"] == pipeline)
    if "static_scales" not in entry:
        return None
    return await (await client.get("/" + entry["static_scales"]["url"].split("/", 3)[3])).read()
