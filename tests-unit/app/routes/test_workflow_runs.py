"""POST /v1/workflows/run through a real server: waiting, files, streams that go on after a break, repeats, webhooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from plain_runs import GRAPH, PlainEngine, sse_events, sse_stream
from served_app import Serve, Served

from app.auth.gate import AuthMode
from app.auth.scopes import Scope

RUN = "/v1/workflows/run"
PNG = b"\x89PNG\r\n\x1a\nnot really"


@pytest.fixture
def engine(served: Served) -> PlainEngine:
    return PlainEngine(served)


def saved(base: Path, name: str = "a.png", data: bytes = PNG) -> dict[str, Any]:
    (base / "output" / name).write_bytes(data)
    return {"9": {"images": [{"filename": name, "subfolder": "", "type": "output"}]}}


async def test_a_run_waits_and_answers_with_its_files(served: Served, engine: PlainEngine) -> None:
    engine.run_all_at_once(saved(served.base))
    status, body = await served.json("POST", RUN, json={"prompt": GRAPH})
    assert status == 200
    assert (body["object"], body["status"], body["error"]) == ("workflow.run", "succeeded", None)
    (file,) = body["files"]
    assert (file["node_id"], file["content_type"], file["size_bytes"]) == ("9", "image/png", len(PNG))
    async with served.http.get(file["url"]) as answer:
        assert await answer.read() == PNG
    assert (await served.json("GET", f"/v1/workflows/runs/{body['id']}"))[1] == body
    assert body["id"] in (await served.json("GET", f"/history/{body['id']}"))[1]


async def test_files_come_inside_the_answer_when_asked_for(served: Served, engine: PlainEngine) -> None:
    engine.run_all_at_once(saved(served.base))
    _, body = await served.json("POST", RUN, json={"prompt": GRAPH, "response_format": "b64_json"})
    assert base64.b64decode(body["files"][0]["b64_json"]) == PNG and "url" not in body["files"][0]


@pytest.mark.parametrize(
    "accept", ["image/png", "image/*", "application/octet-stream", "image/webp, image/png;q=0.5"]
)
async def test_the_file_itself_comes_by_the_accept_header(
    served: Served, engine: PlainEngine, accept: str
) -> None:
    engine.run_all_at_once(saved(served.base))
    async with served.http.post(
        served.url + RUN, json={"prompt": GRAPH}, headers={"Accept": accept}
    ) as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert await answer.read() == PNG


async def test_a_file_kind_that_was_not_made_is_406_and_names_what_was(
    served: Served, engine: PlainEngine
) -> None:
    engine.run_all_at_once(saved(served.base))
    status, body = await served.json("POST", RUN, json={"prompt": GRAPH}, headers={"Accept": "video/mp4"})
    assert status == 406
    assert body["error"]["extra_info"]["field"] == "Accept" and "image/png" in body["error"]["message"]


async def test_a_node_that_raises_is_a_500_that_names_it(served: Served, engine: PlainEngine) -> None:
    report = {
        "node_id": "4",
        "node_type": "KSampler",
        "exception_message": "no\n",
        "exception_type": "ValueError",
    }
    engine.run_all_at_once({}, ("execution_error", report))
    status, body = await served.json("POST", RUN, json={"prompt": GRAPH})
    assert (status, body["status"]) == (500, "failed")
    assert body["error"] == {"type": "ValueError", "message": "no", "node_id": "4", "node_type": "KSampler"}


async def test_a_run_that_is_interrupted_or_removed_is_a_409(served: Served, engine: PlainEngine) -> None:
    engine.run_all_at_once({}, ("execution_interrupted", {"node_id": "4", "node_type": "KSampler"}))
    status, body = await served.json("POST", RUN, json={"prompt": GRAPH})
    assert (status, body["status"], body["error"]["node_id"]) == (409, "cancelled", "4")
    served.queue.on_put = None
    call = asyncio.create_task(served.json("POST", RUN, json={"prompt": GRAPH}))
    await pending(served)
    served.queue.pending.clear()
    served.server.queue_updated()
    status, body = await call
    assert (status, body["status"]) == (409, "cancelled")


async def pending(served: Served, count: int = 1) -> None:
    while len(served.queue.pending) < count:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": GRAPH, "stream": 1}, "stream"),
        ({"prompt": GRAPH, "response_format": "png"}, "response_format"),
        ({"prompt": GRAPH, "timeout_s": "5"}, "timeout_s"),
        ({"prompt": GRAPH, "timeout_s": 0}, "timeout_s"),
        ({"prompt": GRAPH, "webhook": {}}, "webhook.url"),
        ({"prompt": GRAPH, "webhook": 5}, "webhook"),
        ({"prompt": GRAPH, "partial_execution_targets": [1]}, "partial_execution_targets.0"),
        ({"prompt": GRAPH, "webhook": "ftp://example.com"}, "webhook.url"),
        ({"prompt": GRAPH, "webhook": "http://127.0.0.1:8188/interrupt"}, "webhook.url"),
        ({"prompt": GRAPH, "webhook": {"url": "http://[::ffff:10.0.0.1]/"}}, "webhook.url"),
        ([], "body"),
    ],
)
async def test_a_body_that_will_not_do_names_field_and_reason(served: Served, body: Any, field: str) -> None:
    status, answer = await served.json("POST", RUN, json=body)
    assert status == 400
    assert answer["error"]["extra_info"]["field"] == field and answer["error"]["message"]
    assert served.queue.pending == []


async def test_a_refused_graph_is_answered_as_by_post_prompt(served: Served) -> None:
    served.validation.append(
        (False, {"type": "prompt_no_outputs", "message": "m"}, [], {"1": {"errors": []}})
    )
    status, body = await served.json("POST", RUN, json={"prompt": GRAPH})
    assert (status, body["error"]["type"], body["node_errors"]) == (
        400,
        "prompt_no_outputs",
        {"1": {"errors": []}},
    )


async def test_a_caller_that_leaves_takes_its_prompt_along(served: Served, engine: PlainEngine) -> None:
    call = asyncio.create_task(served.json("POST", RUN, json={"prompt": GRAPH}))
    await pending(served)
    item = engine.begin()
    call.cancel()
    async with asyncio.timeout(5):
        while served.queue.interrupted != [item[1]]:
            await asyncio.sleep(0.01)
    engine.end(item, {}, ("execution_interrupted", {}))


async def test_the_time_a_caller_gives_ends_the_run(served: Served, engine: PlainEngine) -> None:
    status, body = await served.json("POST", RUN, json={"prompt": GRAPH, "timeout_s": 0.01})
    assert (status, body["error"]["type"], body["error"]["extra_info"]["field"]) == (
        504,
        "timeout",
        "timeout_s",
    )
    assert served.queue.pending == []


async def test_a_background_run_is_accepted_and_found_again(served: Served, engine: PlainEngine) -> None:
    async with served.http.post(served.url + RUN, json={"prompt": GRAPH, "background": True}) as answer:
        assert answer.status == 202
        location, body = answer.headers["Location"], await answer.json()
    assert body["status"] == "queued"
    item = engine.begin()
    assert (await served.json("GET", location))[1]["status"] == "running"
    engine.end(item)
    assert (await served.json("GET", location))[1]["status"] == "succeeded"
    assert (await served.json("GET", "/v1/workflows/runs/unknown"))[0] == 404
    assert (await served.json("POST", f"{location}/cancel"))[1] == {"cancelled": False}


async def test_a_stream_has_every_event_of_the_prompt_and_then_the_result(
    served: Served, engine: PlainEngine
) -> None:
    async with served.http.post(served.url + RUN, json={"prompt": GRAPH, "stream": True}) as answer:
        assert answer.content_type == "text/event-stream"
        item = engine.begin()
        engine.say("progress", {"value": 1, "max": 2, "prompt_id": item[1], "node": "1"}, item)
        engine.say("executed", {"prompt_id": "of another", "node": "1", "output": {}}, item)
        engine.say("executed", {"prompt_id": item[1], "node": "1", "output": {"a": [1]}}, item)
        engine.end(item)
        events = await sse_events(answer)
    names = [name for _, name, _ in events]
    assert names == ["run", "execution_start", "progress", "executed", "executing", "result"]
    assert events[3][2]["output"] == {"a": [1]} and events[-1][2]["status"] == "succeeded"
    numbers = [int(id_.removesuffix("-end")) for id_, _, _ in events if id_]
    assert numbers == sorted(numbers) and len(numbers) == len(events)


async def test_a_broken_stream_goes_on_where_it_stopped(served: Served, engine: PlainEngine) -> None:
    async with served.http.post(served.url + RUN, json={"prompt": GRAPH, "stream": True}) as answer:
        stream = sse_stream(answer)
        _, _, started = await anext(stream)
        item = engine.begin()
        seen, name, _ = await anext(stream)
        assert name == "execution_start"
        answer.close()
    for number in range(3):
        engine.say("executed", {"prompt_id": item[1], "node": str(number), "output": {}}, item)
    events_url = f"{served.url}/v1/workflows/runs/{started['id']}/events"
    async with served.http.get(events_url, headers={"Last-Event-ID": seen}) as answer:
        engine.end(item)
        events = await sse_events(answer)
    assert [data.get("node") for _, _, data in events[:4]] == ["0", "1", "2", None]
    assert events[-1][1] == "result" and served.queue.interrupted == []
    async with served.http.get(events_url, headers={"Last-Event-ID": events[-1][0]}) as answer:
        assert answer.status == 204
    async with served.http.get(events_url) as answer:
        assert (await sse_events(answer))[0][1] == "run"


async def test_a_stream_that_nobody_takes_up_again_stops_its_prompt(
    served: Served, engine: PlainEngine
) -> None:
    served.server.context.runs.grace_s = 0.05
    async with served.http.post(served.url + RUN, json={"prompt": GRAPH, "stream": True}) as answer:
        await anext(sse_stream(answer))
        item = engine.begin()
        answer.close()
    async with asyncio.timeout(5):
        while served.queue.interrupted != [item[1]]:
            await asyncio.sleep(0.01)
    engine.end(item, {}, ("execution_interrupted", {}))


async def test_a_run_that_may_go_on_is_not_stopped(served: Served, engine: PlainEngine) -> None:
    body = {"prompt": GRAPH, "on_disconnect": "continue"}
    call = asyncio.create_task(served.json("POST", RUN, json=body))
    await pending(served)
    item = engine.begin()
    call.cancel()
    run = served.server.context.runs.find(item[1])
    assert run is not None
    async with asyncio.timeout(5):
        while run.num_watching:
            await asyncio.sleep(0.01)
    assert served.queue.interrupted == [] and not run.ended.done()
    engine.end(item)


async def test_the_same_key_and_body_run_once(served: Served, engine: PlainEngine) -> None:
    headers = {"Idempotency-Key": "order 7"}
    calls = [
        asyncio.create_task(served.json("POST", RUN, json={"prompt": GRAPH}, headers=headers))
        for _ in range(4)
    ]
    await pending(served)
    await asyncio.sleep(0.05)
    assert len(served.queue.pending) == 1
    engine.end(engine.begin())
    answers = await asyncio.gather(*calls)
    assert {status for status, _ in answers} == {200} and len({body["id"] for _, body in answers}) == 1
    again = await served.json("POST", RUN, json={"prompt": GRAPH}, headers=headers)
    assert again[1]["id"] == answers[0][1]["id"]
    status, body = await served.json("POST", RUN, json={"prompt": GRAPH, "front": True}, headers=headers)
    assert (status, body["error"]["extra_info"]["field"]) == (422, "Idempotency-Key")


async def test_a_refused_body_does_not_use_its_key_up(served: Served, engine: PlainEngine) -> None:
    headers = {"Idempotency-Key": "k"}
    served.validation.append((False, {"type": "prompt_no_outputs", "message": "m"}, [], {}))
    assert (await served.json("POST", RUN, json={"prompt": GRAPH}, headers=headers))[0] == 400
    engine.run_all_at_once()
    assert (await served.json("POST", RUN, json={"prompt": GRAPH}, headers=headers))[0] == 200


async def test_a_prompt_id_is_used_once(served: Served, engine: PlainEngine) -> None:
    engine.run_all_at_once()
    body = {"prompt": GRAPH, "prompt_id": "0a0a0a0a-0000-4000-8000-000000000001"}
    assert (await served.json("POST", RUN, json=body))[1]["id"] == body["prompt_id"]
    assert (await served.json("POST", RUN, json=body))[0] == 409


async def test_a_named_client_gets_the_events_on_its_socket_too(served: Served, engine: PlainEngine) -> None:
    socket = await served.connect("watcher")
    await socket.receive_json()
    call = asyncio.create_task(served.json("POST", RUN, json={"prompt": GRAPH, "client_id": "watcher"}))
    await pending(served)
    engine.end(engine.begin())
    kinds = []
    while kinds[-1:] != ["executing"]:
        kinds.append((await socket.receive_json(timeout=5))["type"])
    assert "execution_start" in kinds and (await call)[0] == 200
    await socket.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Any]:
    """A server that takes webhooks: answers from a list of statuses, keeps what came."""
    calls: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
    statuses: list[int] = []

    async def take(request: web.Request) -> web.Response:
        calls.put_nowait((dict(request.headers), await request.read()))
        status = statuses.pop(0) if statuses else 200
        return web.Response(
            status=status, headers={"Location": "http://127.0.0.1:1/"} if status == 302 else {}
        )

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", calls, statuses
    await runner.cleanup()


async def test_a_webhook_is_signed_and_tried_again(serve: Serve, receiver: Any) -> None:
    url, calls, statuses = receiver
    served = await serve(webhook_allow_private=True)
    served.server.webhooks._delays_s = (0.0, 0.0, 0.0)
    statuses += [500, 302]
    PlainEngine(served).run_all_at_once(saved(served.base))
    _, run = await served.json("POST", RUN, json={"prompt": GRAPH, "webhook": url})
    seen = [await asyncio.wait_for(calls.get(), 5) for _ in range(3)]
    headers, body = seen[-1]
    assert {h["webhook-id"] for h, _ in seen} == {f"msg_{run['id']}"} and {b for _, b in seen} == {body}
    assert json.loads(body) == {"type": "workflow.run.succeeded", "data": run}
    document = json.loads((served.base / "user" / "api_keys.json").read_text())
    key = base64.b64decode(document["webhook_secret"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_a_receiver_that_says_gone_is_not_asked_again(serve: Serve, receiver: Any) -> None:
    url, calls, statuses = receiver
    served = await serve(webhook_allow_private=True)
    served.server.webhooks._delays_s = (0.0,)
    statuses.append(410)
    PlainEngine(served).run_all_at_once()
    await served.json("POST", RUN, json={"prompt": GRAPH, "webhook": url})
    await asyncio.wait_for(calls.get(), 5)
    while served.server.webhooks._tasks:
        await asyncio.sleep(0.005)
    assert calls.empty()


async def test_events_of_a_run_nobody_knows_are_404(served: Served) -> None:
    assert (await served.json("GET", "/v1/workflows/runs/none/events"))[0] == 404


async def test_a_client_with_a_broken_accept_header_gets_json(served: Served, engine: PlainEngine) -> None:
    engine.run_all_at_once()
    headers = {"Accept": ";;,q=,a/b;q=x"}
    assert (await served.json("POST", RUN, json={"prompt": GRAPH}, headers=headers))[0] == 200


async def test_keys_of_two_callers_do_not_meet(serve: Serve) -> None:
    served = await serve(auth=AuthMode.ON)
    PlainEngine(served).run_all_at_once()
    assert served.server.context.gate is not None
    answers = []
    for name in ("a", "b"):
        _, token = served.server.context.gate.store.add(name, Scope.RUN)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "same"}
        answers.append(await served.json("POST", RUN, json={"prompt": GRAPH}, headers=headers))
    assert [status for status, _ in answers] == [200, 200] and answers[0][1]["id"] != answers[1][1]["id"]


async def test_callers_are_let_go_at_once_when_the_server_stops(serve: Serve) -> None:
    served = await serve()
    waiting = asyncio.create_task(served.json("POST", RUN, json={"prompt": GRAPH}))
    await pending(served)
    async with served.http.post(served.url + RUN, json={"prompt": GRAPH, "stream": True}) as answer:
        stream = asyncio.create_task(sse_events(answer))
        await pending(served, 2)
        started = asyncio.get_running_loop().time()
        await served.server.stop()
        status, body = await waiting
        assert (status, body["error"]["type"]) == (503, "server_stops")
        assert [name for _, name, _ in await stream] == ["run"]
    assert asyncio.get_running_loop().time() - started < 2.5
    assert len(served.queue.pending) == 2, "the prompts stay for the next process"
