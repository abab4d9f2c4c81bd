"""--enable-compress-response-body."""

from __future__ import annotations

from typing import Any


async def test_json_is_packed_only_when_asked_for_and_taken(serve: Any) -> None:
    served = await serve(compress_responses=True)
    for encoding, expected in (("gzip", "gzip"), ("identity", None)):
        async with served.http.get(
            served.url + "/extensions", headers={"Accept-Encoding": encoding}
        ) as answer:
            assert answer.headers.get("Content-Encoding") == expected
            assert "/extensions/codec/first_visit.js" in await answer.json()
    (served.base / "output" / "a.txt").write_text("x" * 5000)
    for path in ("/view?filename=a.txt", "/prompt"):
        async with served.http.get(served.url + path, headers={"Accept-Encoding": "gzip"}) as answer:
            assert "Content-Encoding" not in answer.headers
    status, body = await served.json(
        "POST", "/prompt", json={"prompt": {"1": {"class_type": "A", "inputs": {}}}}
    )
    assert (status, body["number"]) == (200, 0)


async def test_off_by_default(served: Any) -> None:
    async with served.http.get(served.url + "/extensions", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "Content-Encoding" not in answer.headers
