"""What only a whole server shows: its log in the panel, order of messages, many clients, a clean end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
import requests

QUICK = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server()


def test_the_log_panel_shows_what_the_server_logged(server: Any) -> None:
    text = requests.get(server.url + "/internal/logs", timeout=10).json()
    assert "To see the GUI go to: " + server.url in text
    assert "To see the GUI go to: " + server.url in server.log.read_text()


def test_every_entry_of_object_info_has_what_the_page_needs(server: Any) -> None:
    entries = requests.get(server.url + "/object_info", timeout=30).json()
    assert len(entries) > 40
    for name, entry in entries.items():
        assert isinstance(entry["python_module"], str), name
        assert isinstance(entry["output"], list), name


async def test_the_end_message_comes_after_history_and_only_to_the_prompts_client(server: Any) -> None:
    async with aiohttp.ClientSession() as http:
        mine = await http.ws_connect(server.url + "/ws?clientId=mine")
        other = await http.ws_connect(server.url + "/ws?clientId=other")
        body = {"prompt": QUICK, "client_id": "mine"}
        async with http.post(server.url + "/prompt", json=body) as answer:
            prompt_id = (await answer.json())["prompt_id"]
        kinds = []
        while kinds[-1:] != [("executing", None)]:
            message = await mine.receive_json(timeout=30)
            kinds.append((message["type"], message["data"].get("node")))
        async with http.get(f"{server.url}/history/{prompt_id}") as answer:
            assert (await answer.json())[prompt_id]["status"]["completed"] is True
        assert [kind for kind, _ in kinds if kind.startswith("execution_")] == [
            "execution_start",
            "execution_cached",
            "execution_success",
        ]
        assert kinds[-2][0] == "status"
        await mine.close()
        await other.close()
        seen = {
            json.loads(message.data)["type"]
            async for message in other
            if message.type is aiohttp.WSMsgType.TEXT
        }
        assert seen <= {"status"}


async def test_many_clients_see_every_status_in_order(server: Any) -> None:
    num_clients, num_prompts = 50, 10
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        sockets = [await http.ws_connect(f"{server.url}/ws?clientId=c{n}") for n in range(num_clients)]
        for _ in range(num_prompts):
            async with http.post(server.url + "/prompt", json={"prompt": QUICK}) as answer:
                assert answer.status == 200

        async def counts(socket: aiohttp.ClientWebSocketResponse) -> list[int]:
            found = []
            while len(found) < 1 + 3 * num_prompts:
                message = await socket.receive(timeout=60)
                if message.type is aiohttp.WSMsgType.TEXT and '"status"' in message.data[:20]:
                    status = json.loads(message.data)["data"]["status"]
                    found.append(status["exec_info"]["queue_remaining"])
            return found

        seen = await asyncio.gather(*(counts(socket) for socket in sockets))
        assert seen[0][-1] == 0
        assert all(other[1:] == seen[0][1:] for other in seen)
        for socket in sockets:
            await socket.close()


def test_ctrl_c_ends_the_server_cleanly(start_server: Any) -> None:
    server = start_server()
    assert requests.get(server.url + "/prompt", timeout=10).status_code == 200
    server.stop()
    assert server.process.returncode == 0
    assert "Traceback" not in server.log.read_text()


def test_a_taken_port_is_said_and_ends_with_status_1(start_server: Any, server: Any) -> None:
    port = server.url.rsplit(":", 1)[1]
    with pytest.raises(pytest.fail.Exception) as caught:
        start_server("--port", port)
    assert "Cannot listen" in str(caught.value)
