"""Binding addresses."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from aiohttp import web

from app.listening import host_port, listen


def test_ipv6_addresses_stand_in_brackets() -> None:
    assert (host_port("::1", 5), host_port("127.0.0.1", 5)) == ("[::1]:5", "127.0.0.1:5")


@pytest.fixture
async def runner() -> Any:
    made = web.AppRunner(web.Application())
    await made.setup()
    yield made
    await made.cleanup()


async def test_a_machine_without_ipv6_still_listens_on_the_rest(
    runner: web.AppRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = web.TCPSite.start

    async def start(site: web.TCPSite) -> None:
        if site._host == "::":
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        await original(site)

    monkeypatch.setattr(web.TCPSite, "start", start)
    bound = await listen(runner, [("127.0.0.1", 0), ("::", 0)], None)
    assert [address for address, _ in bound] == ["127.0.0.1"]
    assert bound[0][1] > 0
    with pytest.raises(OSError, match="family"):
        await listen(runner, [("::", 0)], None)


async def test_a_taken_port_is_an_error_also_for_the_second_address(runner: web.AppRunner) -> None:
    ((_, port),) = await listen(runner, [("127.0.0.1", 0)], None)
    with pytest.raises(OSError, match="in use"):
        await listen(runner, [("127.0.0.2", 0), ("127.0.0.1", port)], None)
