"""`PromptServer` as node packs use it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import protocol
import server as server_module
from server import PromptServer


async def test_the_attributes_that_packs_read(served: Any) -> None:
    server = PromptServer.instance
    assert server is served.server
    assert server.loop is asyncio.get_running_loop()
    assert server.prompt_queue is served.queue
    assert (server.client_id, server.last_node_id, server.last_prompt_id) == (None, None, None)
    assert server.sockets == {}
    assert server.sockets_metadata == {}
    assert server.on_prompt_handlers == []
    assert "custom_nodes_from_web" in server.supports
    assert (Path(server.web_root) / "index.html").is_file()
    assert server.get_queue_info() == {"exec_info": {"queue_remaining": 0}}
    assert isinstance(server.client_session, aiohttp.ClientSession)
    assert server.port > 0


def test_the_module_exports_what_packs_import() -> None:
    assert server_module.BinaryEventTypes is protocol.BinaryEventTypes
    assert server_module.web is aiohttp.web
    assert server_module.is_loopback("127.0.0.1")


async def test_the_counter_may_be_set(served: Any) -> None:
    served.server.number = 41
    _, body = await served.json("POST", "/prompt", json={"prompt": {"1": {"class_type": "A", "inputs": {}}}})
    assert (body["number"], served.server.number) == (41, 42)


async def test_packs_may_wrap_send_sync(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original, seen = PromptServer.send_sync, []

    def wrapped(self: PromptServer, event: Any, data: Any, sid: str | None = None) -> None:
        seen.append(event)
        original(self, event, data, sid)

    monkeypatch.setattr(PromptServer, "send_sync", wrapped)
    async with await served.connect("a") as socket_:
        await socket_.receive_json()
        served.run_in_thread(served.server.queue_updated)
        assert (await socket_.receive_json())["type"] == "status"
    assert seen == ["status"]


async def test_the_awaitable_forms_send_too(served: Any) -> None:
    async with await served.connect("a") as socket_:
        await socket_.receive_json()
        await served.server.send_json("x", {"n": 1}, "a")
        await served.server.send("y", {"n": 2})
        await served.server.send_bytes(3, b"abc", "a")
        assert [(await socket_.receive_json())["type"] for _ in range(2)] == ["x", "y"]
        assert await socket_.receive_bytes() == b"\0\0\0\3abc"
    assert served.server.encode_bytes(1, b"z") == b"\0\0\0\1z"


async def test_values_that_json_does_not_know_become_text_and_binary_needs_bytes(served: Any) -> None:
    async with await served.connect("a") as socket_:
        await socket_.receive_json()
        served.server.send_sync("x", {"path": Path("a"), "nan": float("nan")})
        assert (await socket_.receive_json())["data"] == {"path": "a", "nan": None}
        with pytest.raises(TypeError, match="bytes"):
            served.server.send_sync(3, "text")
        served.server.messages.put_nowait((3, "text", None))
        served.server.messages.put_nowait(("end", {}, None))
        assert (await socket_.receive_json())["type"] == "end"


async def test_listeners_hear_of_queue_changes(served: Any) -> None:
    heard: list[bool] = []
    served.server.queue_listeners.append(lambda: heard.append(True))
    served.server.queue_updated()
    assert heard == [True]


async def test_sending_after_the_end_is_silent(serve: Any) -> None:
    served = await serve()
    async with await served.connect("a") as socket_:
        await socket_.receive_json()
        await served.server.stop()
        assert (await socket_.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    served.server.send_sync("late", {}, "a")


async def test_a_deaf_client_does_not_hold_up_the_end(serve: Any) -> None:
    served = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    writer.write(
        b"GET /ws?clientId=deaf HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.wait_for(served.server.stop(), 5)
    assert served.server.sockets == {}
    writer.close()


async def test_several_addresses_and_the_call_on_start(serve: Any) -> None:
    served = await serve(listen="127.0.0.1, 127.0.0.2")
    assert served.server.config.addresses == ("127.0.0.1", "127.0.0.2")
    assert served.server.address == "127.0.0.1"


async def test_a_taken_port_is_an_os_error(serve: Any) -> None:
    first = await serve()
    second = PromptServer(asyncio.get_running_loop(), first.server.config)
    second.attach_engine(first.server.context.engine)
    second.add_routes()
    with pytest.raises(OSError, match="in use"):
        await second.start("127.0.0.1", first.server.port)
    await second.stop()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command to make a certificate")
async def test_tls_serves_https(serve: Any, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=localhost"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    served = await serve(tls_keyfile=key, tls_certfile=certificate)
    async with served.http.get(f"https://127.0.0.1:{served.server.port}/prompt", ssl=False) as response:
        assert await response.json() == {"exec_info": {"queue_remaining": 0}}


async def test_half_a_request_does_not_block_others(served: Any) -> None:
    with socket.create_connection(("127.0.0.1", served.server.port)) as half:
        half.sendall(b"POST /prompt HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert (await served.json("GET", "/prompt"))[0] == 200
