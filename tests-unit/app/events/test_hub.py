"""The event socket through a real server and real clients."""

from __future__ import annotations

import json
from typing import Any

import aiohttp


async def texts_until(socket: aiohttp.ClientWebSocketResponse, type_: str) -> list[dict[str, Any]]:
    found = []
    while True:
        message = await socket.receive(timeout=10)
        if message.type is aiohttp.WSMsgType.TEXT:
            found.append(json.loads(message.data))
            if found[-1]["type"] == type_:
                return found
        else:
            assert message.type is aiohttp.WSMsgType.BINARY, message


async def test_first_message_is_the_status_with_the_session_id(served: Any) -> None:
    async with await served.connect("abc") as socket:
        assert await socket.receive_json() == {
            "type": "status",
            "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "abc"},
        }


async def test_without_an_id_the_server_makes_one_of_32_hex_digits(served: Any) -> None:
    async with await served.connect() as socket:
        sid = (await socket.receive_json())["data"]["sid"]
    assert len(sid) == 32
    assert int(sid, 16) >= 0


async def test_handshake_is_answered_with_the_features_only_as_first_message(served: Any) -> None:
    async with await served.connect("abc") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        answer = await socket.receive_json()
        _, features = await served.json("GET", "/features")
        assert answer == {"type": "feature_flags", "data": features}
        assert features["supports_preview_metadata"] is True
        assert features["max_upload_size"] == 104857600
        assert served.server.sockets_metadata["abc"]["feature_flags"] == {"supports_preview_metadata": True}
        await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": False}})
        served.run_in_thread(lambda: served.server.send_sync("end", {}))
        assert [m["type"] for m in await texts_until(socket, "end")] == ["end"]
        assert served.server.sockets_metadata["abc"]["feature_flags"] == {"supports_preview_metadata": True}


async def test_handshake_after_another_message_is_ignored(served: Any) -> None:
    async with await served.connect("abc") as socket:
        await socket.receive_json()
        await socket.send_str("no json at all")
        await socket.send_bytes(b"ignored")
        await socket.send_json({"type": "feature_flags", "data": {"x": 1}})
        await socket.ping()
        served.run_in_thread(lambda: served.server.send_sync("end", {}))
        await texts_until(socket, "end")
        assert served.server.sockets_metadata["abc"]["feature_flags"] == {}


async def test_messages_reach_one_or_all_in_one_order(served: Any) -> None:
    async with await served.connect("a") as first, await served.connect("b") as second:
        for socket in (first, second):
            await socket.receive_json()

        def send() -> None:
            for number in range(20):
                served.server.send_sync("both", {"n": number})
                served.server.send_sync("only", {"n": number}, "a")
            served.server.send_sync("nobody", {}, "missing")
            served.server.send_sync("end", {})

        served.run_in_thread(send)
        got_first, got_second = await texts_until(first, "end"), await texts_until(second, "end")
    expected = [(kind, n) for n in range(20) for kind in ("both", "only")]
    assert [(m["type"], m["data"]["n"]) for m in got_first[:-1]] == expected
    assert [m["data"]["n"] for m in got_second[:-1]] == list(range(20))
    assert {m["type"] for m in got_second} == {"both", "end"}


async def test_data_is_what_it_was_when_sent(served: Any) -> None:
    async with await served.connect("a") as socket:
        await socket.receive_json()

        def send() -> None:
            data = {"value": 1}
            served.server.send_sync("x", data)
            data["value"] = 2
            served.server.send_sync("end", {})

        served.run_in_thread(send)
        assert (await texts_until(socket, "end"))[0]["data"] == {"value": 1}


async def test_second_socket_takes_over_and_the_end_of_the_first_does_not_hurt_it(served: Any) -> None:
    old = await served.connect("same")
    await old.receive_json()
    new = await served.connect("same")
    await new.receive_json()
    served.run_in_thread(lambda: served.server.send_sync("one", {}, "same"))
    assert (await texts_until(new, "one"))[-1]["type"] == "one"
    await old.close()
    async with await served.connect("watch") as watcher:  # a full turn of the loop after the close
        await watcher.receive_json()
        served.run_in_thread(lambda: served.server.send_sync("two", {}, "same"))
        assert (await texts_until(new, "two"))[-1]["type"] == "two"
        assert "same" in served.server.sockets
    await new.close()


async def test_reconnect_during_a_run_tells_the_running_node(served: Any) -> None:
    served.server.client_id, served.server.last_node_id = "abc", "7"
    async with await served.connect("abc") as socket:
        assert (await socket.receive_json())["type"] == "status"
        assert await socket.receive_json() == {"type": "executing", "data": {"node": "7"}}
    async with await served.connect("other") as socket:
        await socket.receive_json()
        served.run_in_thread(lambda: served.server.send_sync("end", {}))
        assert (await socket.receive_json())["type"] == "end"


async def test_progress_text_and_previews_arrive_as_binary_frames(served: Any) -> None:
    from PIL import Image

    async with await served.connect("a") as socket:
        await socket.receive_json()

        def send() -> None:
            served.server.send_progress_text("hello", "1", "a")
            served.server.send_sync(2, ("PNG", Image.new("RGB", (4, 4)), 8), "a")
            served.server.send_sync(4, (("JPEG", Image.new("RGB", (4, 4)), 8), {"node_id": "3"}), "a")

        served.run_in_thread(send)
        assert await socket.receive_bytes() == bytes.fromhex("00000003000000013168656c6c6f")
        assert (await socket.receive_bytes())[:12] == bytes.fromhex("0000000100000002") + b"\x89PNG"
        framed = await socket.receive_bytes()
        assert framed[:4] == bytes.fromhex("00000004")
        assert b'"node_id": "3"' in framed


async def test_packs_may_put_events_into_messages(served: Any) -> None:
    async with await served.connect("a") as socket:
        await socket.receive_json()
        served.server.messages.put_nowait(("from-pack", {"n": 1}, "a"))
        assert await socket.receive_json() == {"type": "from-pack", "data": {"n": 1}}


async def test_a_client_that_does_not_read_is_cut_off_and_others_are_served(served: Any) -> None:
    deaf = await served.connect("deaf")
    async with await served.connect("reader") as reader:
        await reader.receive_json()
        block = "x" * (4 * 1024 * 1024)

        def send() -> None:
            for _ in range(24):
                served.server.send_sync("big", {"block": block}, "deaf")
            served.server.send_sync("end", {}, "reader")

        served.run_in_thread(send)
        assert (await texts_until(reader, "end"))[-1]["type"] == "end"
        status, _ = await served.json("GET", "/prompt")
        assert status == 200
    assert "deaf" not in served.server.sockets
    await deaf.close()


async def test_a_plain_get_is_refused_with_json(served: Any) -> None:
    status, body = await served.json("GET", "/ws")
    assert status == 400
    assert body["error"]["extra_info"]["field"] == "request"
