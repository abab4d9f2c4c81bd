"""Where webhooks may go."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from app.errors import RequestError
from app.runs.results import unfinished_run
from app.runs.targets import PrivateTargetError, PublicResolver, check_target, is_public
from app.runs.webhooks import Webhooks, sign

PRIVATE = [
    "127.0.0.1", "127.1", "0x7f000001", "2130706433", "017700000001", "0.0.0.0", "10.1.2.3", "172.16.0.1",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]",
    "[fd00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "localhost", "LOCALHOST.", "x.localhost", "printer.local",
    "metadata.google.internal", "nas.home.arpa", "[fe80::1%25eth0]",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_this_machine_and_its_network_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_target(f"http://{host}:8188/interrupt", allow_private=False)
    assert caught.value.type in ("private_target", "invalid_url") and caught.value.field == "webhook.url"


@pytest.mark.parametrize("host", [host for host in PRIVATE if "%" not in host])
def test_a_flag_permits_them(host: str) -> None:
    check_target(f"http://{host}/x", allow_private=True)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "http://8.8.8.8:80/", "https://[2606:4700::1111]/a?b=c"]
)
def test_public_addresses_are_taken(url: str) -> None:
    check_target(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "file:///etc/passwd", "gopher://example.com", "http://", "http:///x",
        "http://user:pw@example.com", "http://example.com:99999/", "http://example.com:0/", "http://[::1",
        "http://exa mple.com/", "http://example.com/\r\nX: y", "http://exämple.com/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(RequestError):
        check_target(url, allow_private=True)


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"http://{text}/"))
def test_any_text_is_taken_or_refused(url: str) -> None:
    with contextlib.suppress(RequestError):
        check_target(url, allow_private=False)


@given(st.ip_addresses(v=4))
def test_a_carried_address_is_as_public_as_itself(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    translated = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address))
    assert is_public(address) == is_public(mapped) == is_public(translated)


class Answers(AbstractResolver):
    """A name service that says what it is told to."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in self.hosts
        ]

    async def close(self) -> None:
        return None


async def test_a_name_that_leads_home_is_not_called() -> None:
    with pytest.raises(PrivateTargetError):
        await PublicResolver(Answers("127.0.0.1", "10.0.0.1")).resolve("example.com", 80)
    found = await PublicResolver(Answers("127.0.0.1", "8.8.8.8")).resolve("example.com", 80)
    assert [entry["host"] for entry in found] == ["8.8.8.8"]


async def test_a_private_name_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = Webhooks(lambda: "whsec_AAAA", delays_s=(3600.0,))
    session = ClientSession(connector=TCPConnector(resolver=PublicResolver(Answers("169.254.169.254"))))
    monkeypatch.setattr(hooks, "_session", session)
    hooks.send("http://rebind.example/", unfinished_run("x", "queued", None))
    async with asyncio.timeout(5):
        while hooks._tasks:
            await asyncio.sleep(0.005)
    await hooks.close()


def test_the_signature_is_the_one_of_the_published_scheme() -> None:
    """Source: the worked example of the Standard Webhooks specification."""
    body = b'{"test": 2432232314}'
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
