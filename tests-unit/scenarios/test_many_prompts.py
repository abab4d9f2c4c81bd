"""A thousand prompts from twenty clients at once: none lost, in order, and memory stays flat."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import psutil

PACK = Path(__file__).parents[1] / "data" / "traces" / "contract_nodes"
NUM_CLIENTS = 20
PROMPTS_PER_CLIENT = 50
HISTORY_SIZE = 100
GROWTH_LIMIT_BYTES = 24 * 1024 * 1024
"""What a second thousand may add: allocator slack, far below a thousand entries of history."""


def graph(value: int) -> dict[str, object]:
    return {
        "1": {"class_type": "CtInt", "inputs": {"value": value % 1000}},
        "2": {"class_type": "CtShow", "inputs": {"value": ["1", 0]}},
    }


async def run_thousand(url: str, first: int) -> tuple[dict[str, float], list[str]]:
    """Number by accepted prompt id, and the ids in the order in which they succeeded."""
    accepted: dict[str, float] = {}
    succeeded: list[str] = []
    total = NUM_CLIENTS * PROMPTS_PER_CLIENT
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/ws?clientId=many{first}") as socket,
    ):

        async def watch() -> None:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                event = json.loads(message.data)
                if event["type"] == "execution_success":
                    succeeded.append(event["data"]["prompt_id"])
                    if len(succeeded) == total:
                        return

        async def client(index: int) -> None:
            for i in range(PROMPTS_PER_CLIENT):
                body = {"prompt": graph(first + index * PROMPTS_PER_CLIENT + i), "client_id": f"many{first}"}
                async with session.post(f"{url}/prompt", json=body) as answer:
                    told = await answer.json()
                    accepted[told["prompt_id"]] = told["number"]

        async with asyncio.timeout(90):
            await asyncio.gather(watch(), *(client(index) for index in range(NUM_CLIENTS)))
    return accepted, succeeded


async def test_a_thousand_prompts_from_twenty_clients(start_server) -> None:
    server = start_server("--history-size", str(HISTORY_SIZE), packs=(PACK,))
    accepted, succeeded = await run_thousand(server.url, 0)
    assert len(accepted) == NUM_CLIENTS * PROMPTS_PER_CLIENT
    assert set(succeeded) == set(accepted), "a prompt was lost"
    numbers = [accepted[prompt_id] for prompt_id in succeeded]
    assert numbers == sorted(numbers), "prompts ran out of order"
    before = psutil.Process(server.process.pid).memory_info().rss
    await run_thousand(server.url, 100_000)
    grown = psutil.Process(server.process.pid).memory_info().rss - before
    assert grown <= GROWTH_LIMIT_BYTES, f"a second thousand prompts added {grown} bytes"
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/history") as answer:
        assert len(await answer.json()) <= HISTORY_SIZE + 1
