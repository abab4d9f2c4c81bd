"""Metrics, readiness and log lines: what those who watch servers read."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from dataclasses import replace

from plain_runs import GRAPH, PlainEngine
from prometheus_client.parser import text_string_to_metric_families
from served_app import Served

from app.log_format import ENGINE_THREAD, JsonFormatter
from comfy_execution.context import CurrentNodeContext


async def scraped(served: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    async with served.http.get(served.url + "/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await answer.text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: dict[tuple[str, tuple[tuple[str, str], ...]], float], name: str, **labels: str) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0.0)


async def test_requests_prompts_and_the_queue_are_counted(served: Served) -> None:
    engine = PlainEngine(served)
    socket = await served.connect("me")
    for path in ("/queue", "/api/queue", "/nothing/here", "/history/abc", "/history/def"):
        await served.json("GET", path)
    await served.json("POST", "/prompt", json={"prompt": GRAPH, "client_id": "me"})
    before = await scraped(served)
    assert value(before, "codec_queue_pending") == 1 and value(before, "codec_event_sockets") == 1
    item = engine.begin()
    served.server.queue_updated()
    await asyncio.sleep(0)
    engine.end(item, {}, ("execution_error", {}))
    while value(after := await scraped(served), "codec_prompts_total", status="error") < 1:
        await asyncio.sleep(0.01)
    assert value(after, "codec_prompts_total", status="success") == 0
    assert value(after, "codec_prompt_duration_seconds_count") == 1
    requests = "codec_http_requests_total"
    assert value(after, requests, method="GET", route="/history/{prompt_id}", status="200") == 2
    assert value(after, requests, method="GET", route="/{file}", status="404") == 1
    assert value(after, requests, method="POST", route="/prompt", status="200") == 1
    await socket.close()


async def test_paths_and_methods_of_strangers_make_no_new_series(served: Served) -> None:
    for i in range(30):
        await served.json("GET", f"/made/up/{i}")
        await served.json(f"VERB{i}", "/queue")
    routes = {key for key in await scraped(served) if key[0] == "codec_http_requests_total"}
    assert len(routes) <= 4


async def test_ready_follows_the_engines_thread(served: Served) -> None:
    assert await served.json("GET", "/ready") == (200, {"ready": True, "reason": None})
    engine = served.server.context.engine
    served.server.context.attached = replace(engine, is_alive=lambda: False)
    status, body = await served.json("GET", "/ready")
    assert status == 503 and "thread" in body["reason"]
    served.server.context.attached = None
    status, body = await served.json("GET", "/ready")
    assert status == 503 and "loaded" in body["reason"]
    served.server.context.attached = engine


def record(text: str = "hello %s", **fields: object) -> logging.LogRecord:
    found = logging.LogRecord("a.b", logging.INFO, __file__, 1, text, ("world",), None)
    for name, field in fields.items():
        setattr(found, name, field)
    return found


def test_a_log_line_is_one_object_with_its_prompt_and_node() -> None:
    formatter = JsonFormatter(lambda: "running")
    plain = json.loads(formatter.format(record()))
    assert (plain["message"], plain["level"], plain["logger"]) == ("hello world", "INFO", "a.b")
    assert "prompt_id" not in plain and plain["time"].endswith("+00:00")
    with CurrentNodeContext("p1", "4"):
        inside = json.loads(formatter.format(record()))
    assert (inside["prompt_id"], inside["node_id"]) == ("p1", "4")
    assert json.loads(formatter.format(record(threadName=ENGINE_THREAD)))["prompt_id"] == "running"
    assert json.loads(formatter.format(record(prompt_id="named")))["prompt_id"] == "named"
    assert threading.current_thread().name != ENGINE_THREAD


def test_an_exception_stays_on_its_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        text = JsonFormatter().format(record(exc_info=sys.exc_info()))
    assert "\n" not in text and "ValueError: two\nlines" in json.loads(text)["exception"]
