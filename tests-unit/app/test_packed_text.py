"""Large texts with an ETag and one compressed form, over a real connection."""

from __future__ import annotations

import time
from typing import Any

import aiohttp

OPTIONS = {"default": 1.5, "min": 0.0, "tooltip": "how strongly the value counts, from nothing to all"}


def describe(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "output": [],
        "input": {"required": {f"x{n}": ["FLOAT", OPTIONS] for n in range(6)}},
    }


async def test_a_client_that_has_the_answer_gets_304(served: Any) -> None:
    served.node_infos["One"] = {"info": describe("One")}
    async with served.http.get(served.url + "/object_info") as first:
        tag = first.headers["ETag"]
        assert first.headers["Content-Type"] == "application/json; charset=utf-8"
        assert first.headers["Content-Encoding"] == "gzip"
        assert set(await first.json()) == {"One"}
    async with served.http.get(served.url + "/api/object_info", headers={"If-None-Match": tag}) as again:
        assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    served.node_infos["Two"] = {"info": describe("Two")}
    async with served.http.get(served.url + "/object_info", headers={"If-None-Match": tag}) as changed:
        assert (changed.status, set(await changed.json())) == (200, {"One", "Two"})
        assert changed.headers["ETag"] != tag


async def test_a_client_without_gzip_gets_plain_text(served: Any) -> None:
    served.node_infos["One"] = {"info": describe("One")}
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        headers = {"Accept-Encoding": "identity"}
        async with http.get(served.url + "/object_info", headers=headers) as answer:
            assert "Content-Encoding" not in answer.headers
            assert (await answer.read()).startswith(b'{"One": ')


async def test_a_thousand_nodes_come_within_the_promised_time(served: Any) -> None:
    served.node_infos.update({f"Node{n}": {"info": describe(f"Node{n}")} for n in range(1000)})

    async def ask() -> float:
        start = time.perf_counter()
        async with served.http.get(served.url + "/object_info") as answer:
            await answer.read()
        return time.perf_counter() - start

    seconds = [await ask() for _ in range(5)]
    assert min(seconds) < 0.3
