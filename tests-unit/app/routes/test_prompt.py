"""POST /prompt: parsing, numbering, secrets, errors, and the answer before the start."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from io import BytesIO
from typing import Any

import pytest

GRAPH = {"1": {"class_type": "SaveImage", "inputs": {}}}


async def test_answer_numbers_and_queues_the_prompt(served: Any) -> None:
    before = int(time.time() * 1000)
    status, body = await served.json("POST", "/prompt", json={"prompt": GRAPH, "client_id": "me"})
    assert status == 200
    assert body["number"] == 0
    assert body["node_errors"] == {}
    assert str(uuid.UUID(body["prompt_id"])) == body["prompt_id"]
    ((number, prompt_id, prompt, extra_data, outputs, secrets),) = served.queue.pending
    assert (number, prompt_id, prompt, outputs, secrets) == (0, body["prompt_id"], GRAPH, ["1"], {})
    assert extra_data["client_id"] == "me"
    assert before <= extra_data["create_time"] <= int(time.time() * 1000)


async def test_the_alias_and_any_content_type_work(served: Any) -> None:
    raw = json.dumps({"prompt": GRAPH}).encode()
    for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/x"}):
        status, _ = await served.json("POST", "/api/prompt", data=raw, headers=headers)
        assert status == 200


async def test_numbers_count_up_front_negates_and_explicit_ones_are_floats(served: Any) -> None:
    numbers = []
    for extra in ({"front": True}, {}, {"front": True}, {"number": 7}, {"number": "-2.5"}, {}):
        _, body = await served.json("POST", "/prompt", json={"prompt": GRAPH, **extra})
        numbers.append(body["number"])
    assert numbers == [0, 1, -2, 7.0, -2.5, 3]
    assert isinstance(numbers[3], float)
    assert served.server.number == 4


async def test_secrets_leave_extra_data_and_never_show_in_the_queue(served: Any) -> None:
    extra = {
        "auth_token_comfy_org": "t",
        "api_key_comfy_org": "k",
        "extra_pnginfo": {"workflow": {"id": "w"}},
    }
    await served.json("POST", "/prompt", json={"prompt": GRAPH, "extra_data": extra})
    item = served.queue.pending[0]
    assert item[5] == {"auth_token_comfy_org": "t", "api_key_comfy_org": "k"}
    _, listing = await served.json("GET", "/queue")
    assert len(listing["queue_pending"][0]) == 5
    assert "comfy_org" not in json.dumps(listing)


async def test_answer_is_read_before_the_prompt_is_put(served: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    seen_before_put: list[bool] = []
    arrived = asyncio.Event()
    received = bytearray()

    transport_writes: list[bytes] = []

    def at_put(item: tuple[Any, ...]) -> None:
        # the server's own socket buffer must be empty by now: the answer left before the prompt was queued
        for connection in served.server._runner.server.connections:
            transport = connection.transport
            if transport is not None:
                transport_writes.append(transport.get_write_buffer_size())
        seen_before_put.append(True)
        arrived.set()

    served.queue.on_put = at_put
    body = json.dumps({"prompt": GRAPH}).encode()
    writer.write(b"POST /prompt HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await arrived.wait()
    received += await reader.readuntil(b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200")
    assert seen_before_put == [True]
    assert transport_writes == [0]
    writer.close()
    await writer.wait_closed()


async def test_the_first_messages_leave_its_client_time_to_listen_and_keep_their_order(served: Any) -> None:
    put_at: list[float] = []

    def at_put(item: tuple[Any, ...]) -> None:
        put_at.append(time.monotonic())
        served.server.send_sync("execution_start", {}, "me")
        served.server.send_sync("execution_success", {}, "me")

    served.queue.on_put = at_put
    async with await served.connect("me") as socket:
        await socket.receive_json()
        await served.json("POST", "/prompt", json={"prompt": GRAPH, "client_id": "me"})
        assert (await socket.receive_json())["type"] == "execution_start"
        assert time.monotonic() - put_at[0] >= 0.009
        assert (await socket.receive_json())["type"] == "execution_success"


async def test_a_client_that_leaves_early_still_gets_its_prompt_queued(served: Any) -> None:
    put = asyncio.Event()
    served.queue.on_put = lambda item: put.set()
    _, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    body = json.dumps({"prompt": GRAPH}).encode()
    writer.write(b"POST /prompt HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()
    await asyncio.wait_for(put.wait(), 10)


async def test_a_refused_prompt_gives_the_validation_as_it_is(served: Any) -> None:
    error = {"type": "prompt_no_outputs", "message": "m", "details": "", "extra_info": {}}
    served.validation.append((False, error, [], {"4": {"errors": []}}))
    status, body = await served.json("POST", "/prompt", json={"prompt": {}})
    assert (status, body) == (400, {"error": error, "node_errors": {"4": {"errors": []}}})
    assert served.queue.pending == []
    assert served.server.number == 1


async def test_partial_failure_is_accepted_with_node_errors(served: Any) -> None:
    served.validation.append((True, None, ["1"], {"2": {"errors": ["e"]}}))
    status, body = await served.json("POST", "/prompt", json={"prompt": GRAPH})
    assert (status, body["node_errors"]) == (200, {"2": {"errors": ["e"]}})


async def test_on_prompt_handlers_rewrite_the_body_and_one_that_raises_is_passed_over(served: Any) -> None:
    def broken(body: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("pack bug")

    served.server.add_on_prompt_handler(broken)
    served.server.add_on_prompt_handler(lambda body: {**body, "prompt": {"9": GRAPH["1"]}})
    await served.json("POST", "/prompt", json={"prompt": GRAPH})
    assert list(served.queue.pending[0][2]) == ["9"]


async def test_usage_source_header_is_kept(served: Any) -> None:
    await served.json("POST", "/prompt", json={"prompt": GRAPH}, headers={"Comfy-Usage-Source": "cli"})
    assert served.queue.pending[0][3]["comfy_usage_source"] == "cli"


async def test_no_prompt_is_the_recorded_error(served: Any) -> None:
    status, body = await served.json("POST", "/prompt", json={"client_id": "x"})
    assert status == 400
    assert body == {
        "error": {
            "type": "no_prompt",
            "message": "No prompt provided",
            "details": "No prompt provided",
            "extra_info": {},
        },
        "node_errors": {},
    }


async def test_a_body_that_is_no_json_is_the_recorded_500_with_a_json_text(served: Any) -> None:
    async with served.http.post(served.url + "/prompt", data="not json") as response:
        assert response.status == 500
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert json.loads(await response.text())["error"]["type"] == "invalid_json"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["1"]}, "prompt"),
        ({"prompt": {"3": "x"}}, "prompt.3"),
        ({"prompt": {"3": {"class_type": 7, "inputs": {}}}}, "prompt.3"),
        ({"prompt": {"3": {"class_type": "SaveImage"}}}, "prompt.3"),
        ({"prompt": {"3": {"class_type": "SaveImage", "inputs": []}}}, "prompt.3"),
        ({"prompt": GRAPH, "prompt_id": "P1"}, "prompt_id"),
        ({"prompt": GRAPH, "prompt_id": str(uuid.UUID(int=10)).upper()}, "prompt_id"),
        ({"prompt": GRAPH, "prompt_id": 5}, "prompt_id"),
        ({"prompt": GRAPH, "number": "first"}, "number"),
        ({"prompt": GRAPH, "number": True}, "number"),
        ({"prompt": GRAPH, "number": float("nan")}, "number"),
        ({"prompt": GRAPH, "extra_data": []}, "extra_data"),
        ({"prompt": GRAPH, "client_id": {}}, "client_id"),
        ({"prompt": GRAPH, "partial_execution_targets": "1"}, "partial_execution_targets"),
        (["no", "object"], "body"),
        ("text", "body"),
    ],
)
async def test_wrong_fields_are_400_and_named(served: Any, body: Any, field: str) -> None:
    status, answer = await served.json("POST", "/prompt", json=body)
    assert status == 400
    assert answer["error"]["extra_info"]["field"] == field
    assert answer["error"]["message"]
    assert served.queue.pending == []


async def test_a_canonical_prompt_id_is_kept_and_null_means_none(served: Any) -> None:
    wanted = str(uuid.uuid4())
    _, body = await served.json("POST", "/prompt", json={"prompt": GRAPH, "prompt_id": wanted})
    assert body["prompt_id"] == wanted
    status, _ = await served.json("POST", "/prompt", json={"prompt": GRAPH, "prompt_id": None})
    assert status == 200


async def test_ten_megabytes_of_json_pass_and_are_refused_above_the_limit(serve: Any) -> None:
    served = await serve(max_upload_mb=11)
    big = {"1": {"class_type": "SaveImage", "inputs": {"text": "x" * (10 * 1024 * 1024)}}}
    status, _ = await served.json("POST", "/prompt", data=BytesIO(json.dumps({"prompt": big}).encode()))
    assert status == 200
    big["1"]["inputs"]["more"] = "x" * (2 * 1024 * 1024)
    status, body = await served.json("POST", "/prompt", data=BytesIO(json.dumps({"prompt": big}).encode()))
    assert (status, body["error"]["type"]) == (413, "body_too_large")
    status, _ = await served.json("GET", "/prompt")
    assert status == 200


async def test_an_oversize_body_without_length_is_413_too(serve: Any) -> None:
    served = await serve(max_upload_mb=0.01)

    async def chunks() -> Any:
        for _ in range(64):
            yield b"x" * 1024

    status, body = await served.json("POST", "/prompt", data=chunks())
    assert (status, body["error"]["type"]) == (413, "body_too_large")


@pytest.mark.parametrize("depth", [300, 900, 100_000])
async def test_deeply_nested_json_is_refused(served: Any, depth: int) -> None:
    raw = '{"prompt": ' + "[" * depth + "]" * depth + "}"
    status, body = await served.json("POST", "/prompt", data=raw)
    assert (status, body["error"]["type"]) == (400, "too_deep")


@pytest.mark.parametrize("raw", [b"\xff\xfe{}", b"{", b'{"a": 1' + b"0" * 5000 + b"}", b""])
async def test_unreadable_json_elsewhere_is_400(served: Any, raw: bytes) -> None:
    status, body = await served.json("POST", "/queue", data=raw)
    assert status == 400 and body["error"]["type"] in ("invalid_json", "invalid_utf8")
    assert body["error"]["extra_info"]["field"] == "body"
