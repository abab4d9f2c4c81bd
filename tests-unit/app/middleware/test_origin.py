"""Who may call a server on a loopback address, and the headers around that."""

from __future__ import annotations

from typing import Any

import pytest

from app.middleware.headers import cache_control_for
from app.middleware.origin import is_loopback, same_origin


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "8.8.8.8", "::", "0.0.0.0", "no-such-host.invalid", "a" * 300])
def test_other_hosts_are_not_loopback(host: str | None) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "origin", "same"),
    [
        ("localhost:8188", "http://localhost:8188", True),
        ("LOCALHOST:8188", "http://localhost", True),
        ("localhost", "https://localhost:1", True),
        ("localhost:8188", "http://localhost:8189", False),
        ("localhost:8188", "http://evil.example:8188", False),
        ("localhost", "null", False),
        ("localhost", "http://localhost:port", False),
        ("[::1]:5", "http://[::1]:5", True),
    ],
)
def test_same_origin(host: str, origin: str, same: bool) -> None:
    assert same_origin(host, origin) is same


async def test_a_page_of_another_site_is_refused_with_json(served: Any) -> None:
    status, body = await served.json("POST", "/prompt", json={}, headers={"Origin": "http://evil.example"})
    assert (status, body["error"]["extra_info"]) == (403, {"field": "Origin"})
    status, _ = await served.json("GET", "/prompt", headers={"Origin": served.url})
    assert status == 200
    status, _ = await served.json("POST", "/free", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert status == 403
    async with served.http.get(served.url + "/prompt") as response:
        assert not [name for name in response.headers if name.startswith("Access-Control")]


async def test_a_rebound_name_is_no_loopback_and_passes_as_upstream_does(served: Any) -> None:
    headers = {"Host": "example.invalid", "Origin": "http://other.invalid"}
    assert (await served.json("GET", "/prompt", headers=headers))[0] == 200


async def test_options_is_an_empty_200(served: Any) -> None:
    assert await served.json("OPTIONS", "/prompt") == (200, None)


async def test_cors_headers_when_asked_for(serve: Any) -> None:
    served = await serve(cors_origin="*")
    headers = {"Origin": "http://evil.example"}
    for method, path in (("GET", "/prompt"), ("OPTIONS", "/prompt"), ("GET", "/none"), ("POST", "/prompt")):
        async with served.http.request(method, served.url + path, headers=headers, data=b"") as response:
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
            assert response.headers["Access-Control-Allow-Credentials"] == "true"


async def test_offline_forbids_calls_to_elsewhere(serve: Any) -> None:
    served = await serve(offline=True)
    async with served.http.get(served.url + "/") as response:
        assert "connect-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/a.js", 200, "no-cache"),
        ("/a.css", 404, "no-cache"),
        ("/templates/index.zh.json", 200, "no-cache"),
        ("/other.json", 200, None),
        ("/a.PNG", 200, "public, max-age=86400"),
        ("/a.webp", 404, "public, max-age=3600"),
        ("/a.jpg", 206, "public, max-age=86400"),
        ("/a.jpg", 302, "no-cache"),
        ("/a.jpg", 308, "public, max-age=86400"),
        ("/a.jpg", 304, None),
        ("/view", 200, None),
    ],
)
def test_cache_control_by_path_and_status(path: str, status: int, expected: str | None) -> None:
    assert cache_control_for(path, status) == expected
