"""What is counted of latent streams, read as a scrape reads it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import torch
from prometheus_client import CollectorRegistry

from codec_transport.endpoints.context import CODEC
from codec_transport.endpoints.stream_metrics import StreamMetrics

URL = "/v1/videos/generations"


@pytest.fixture
def registry(client, host) -> CollectorRegistry:
    made = CollectorRegistry()
    client.app[CODEC].metrics = StreamMetrics(made)
    generator = torch.Generator().manual_seed(1)
    host.samples = torch.randn(3, 4, 16, 16, generator=generator).round()
    return made


def request(**fields: Any) -> dict[str, Any]:
    return {"prompt": "cat", "size": "128x128", "frames": 3, "modality": "video-latents", **fields}


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"codec_latent_{name}", labels)


async def test_a_whole_stream_counts_its_frames_and_bytes(client, registry) -> None:
    for coding in ("gzip", "identity"):
        answer = await client.post(
            URL,
            json=request(pipeline="delta+int8"),
            headers={"Accept-Encoding": coding},
            auto_decompress=False,
        )
        size = len(await answer.read())
        assert value(registry, "streams_total", pipeline="delta+int8", coding=coding, end="whole") == 1
    assert value(registry, "frames_total", pipeline="delta+int8") == 6
    assert value(registry, "message_bytes_total") == 2 * size
    assert size < value(registry, "body_bytes_total") < 2 * size
    assert value(registry, "encode_seconds_count") == 6
    assert value(registry, "first_frame_seconds_count") == 2
    assert value(registry, "coding_fallbacks_total") == 0


async def test_keyframes_that_had_to_come_early_are_counted(client, host, registry) -> None:
    jump = torch.ones(1, 4, 16, 16)
    host.samples = torch.cat([jump, -jump, -jump])
    await (await client.post(URL, json=request(pipeline="delta+int8"))).read()
    assert value(registry, "forced_keyframes_total") == 1


async def test_failures_and_fallbacks_have_numbers_of_their_own(client, host, registry) -> None:
    host.samples = torch.full((3, 4, 16, 16), float("nan"))
    answer = await client.post(URL, json=request(), headers={"Accept-Encoding": "compress"})
    await answer.read()
    assert value(registry, "streams_total", pipeline="raw", coding="identity", end="failed") == 1
    assert value(registry, "coding_fallbacks_total") == 1


async def test_clients_that_leave_are_counted_as_such(client, host, registry) -> None:
    host.samples, host.never_ends = None, True
    answer = await client.post(URL, json=request(), headers={"Accept-Encoding": "identity"})
    answer.close()
    async with asyncio.timeout(5):
        await host.was_cancelled.wait()
    assert value(registry, "streams_total", pipeline="raw", coding="identity", end="left") == 1
