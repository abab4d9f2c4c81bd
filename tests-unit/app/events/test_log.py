"""The bounded event log, and numbered clients that come back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
from hypothesis import given, settings
from hypothesis import strategies as st
from served_app import Served

from app.events.hub import RESUME_WINDOW_S, EventHub
from app.events.log import EventLog
from app.events.outbox import Message

NUMBERED = {"type": "feature_flags", "data": {"supports_sequence_numbers": True}}


def event(kind: str, droppable: bool = False, size: int = 0) -> Message:
    return Message(json.dumps({"type": kind, "data": {"pad": "x" * size}}), kind, droppable)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=80), st.integers(0, 90))
@settings(max_examples=150, deadline=None)
def test_the_log_is_bounded_and_says_truly_what_it_lost(sent: list[tuple[bool, int]], after: int) -> None:
    log = EventLog(1, max_events=20, max_progress=5, max_bytes=1500)
    for droppable, size in sent:
        log.add(event("progress" if droppable else "executed", droppable, size), None)
    assert len(log) <= 25 and log.num_bytes <= 1500 and log.newest == len(sent)
    kept = [entry.seq for entry in log.after(after)]
    assert kept == sorted(set(kept)) and all(seq > after for seq in kept)
    lasting = [i for i, (droppable, _) in enumerate(sent, start=1) if not droppable and i > after]
    if after <= log.newest and log.is_complete_after(after):
        assert set(lasting) <= set(kept)
    else:
        assert after > len(sent) or min(set(range(1, len(sent) + 1)) - set(kept)) <= log.lost_through


def test_numbers_of_an_earlier_process_are_never_complete() -> None:
    log = EventLog()
    log.add(event("executed"), None)
    assert not log.is_complete_after(57)
    assert EventLog().newest >= log.newest - 1


async def test_who_waits_is_woken_by_an_event() -> None:
    log = EventLog(1)
    waiting = asyncio.create_task(log.changed(10))
    await asyncio.sleep(0)
    log.add(event("executed"), None)
    assert await waiting is True
    assert await log.changed(0) is False


def test_a_session_is_remembered_for_a_while_only() -> None:
    now = [0.0]
    hub = EventHub(dict, clock=lambda: now[0])
    assert not hub.wants("a") and not hub.wants(None)
    hub._remember("a")
    assert hub.wants("a") and hub.wants(None) and not hub.wants("b")
    now[0] = RESUME_WINDOW_S
    assert not hub.wants("a")
    for i in range(3000):
        hub._remember(f"client {i}")
    assert len(hub._away) <= 1000


async def until(socket: aiohttp.ClientWebSocketResponse, type_: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != type_:
        found.append(await socket.receive_json(timeout=10))
    return found


def send(served: Served, *events: tuple[str, int, str | None]) -> None:
    def from_thread() -> None:
        for kind, number, sid in events:
            served.server.send_sync(kind, {"n": number}, sid)

    served.run_in_thread(from_thread)


async def test_only_clients_that_ask_get_numbers(served: Served) -> None:
    plain, numbered = await served.connect("plain"), await served.connect("numbered")
    await plain.send_json({"type": "feature_flags", "data": {"supports_sequence_numbers": 1}})
    await numbered.send_json(NUMBERED)
    await until(plain, "feature_flags")
    start = (await until(numbered, "feature_flags"))[-1]["seq"]
    send(served, ("all", 1, None), ("own", 2, "plain"), ("own", 3, "numbered"), ("end", 4, None))
    assert await until(plain, "end") == [
        {"type": "all", "data": {"n": 1}},
        {"type": "own", "data": {"n": 2}},
        {"type": "end", "data": {"n": 4}},
    ]
    got = await until(numbered, "end")
    assert [(m["type"], m["seq"] - start) for m in got] == [("all", 1), ("own", 3), ("end", 4)]
    await plain.close()
    await numbered.close()


async def test_a_client_that_comes_back_gets_exactly_what_it_missed(served: Served) -> None:
    socket = await served.connect("me")
    await socket.send_json(NUMBERED)
    await until(socket, "feature_flags")
    send(served, ("executed", 1, "me"))
    seen = (await until(socket, "executed"))[-1]["seq"]
    await socket.close()
    while "me" in served.server.sockets:
        await asyncio.sleep(0)
    send(served, ("executed", 2, "me"), ("executed", 3, "other"), ("status", 4, None), ("last", 5, "me"))
    again = await served.http.ws_connect(f"{served.url}/ws?clientId=me&after={seen}")
    first, *missed = await until(again, "last")
    assert first["data"]["sid"] == "me" and "seq" not in first
    assert [m["data"]["n"] for m in missed] == [2, 4, 5]
    assert [m["seq"] for m in missed] == sorted(m["seq"] for m in missed) and missed[0]["seq"] > seen
    send(served, ("live", 6, "me"))
    assert (await until(again, "live"))[0]["seq"] == missed[-1]["seq"] + 1
    await again.close()


async def test_a_number_from_before_a_restart_is_answered_with_what_is_there(served: Served) -> None:
    keeper = await served.connect("keeper")
    send(served, ("status", 1, None))
    await until(keeper, "status")
    for after in (3, 2**53):
        socket = await served.http.ws_connect(f"{served.url}/ws?clientId=me&after={after}")
        messages = await until(socket, "status")
        lost = [await socket.receive_json(timeout=10), await socket.receive_json(timeout=10)]
        assert messages[0]["data"]["sid"] == "me"
        assert lost[0]["type"] == "events_lost" and lost[0]["data"]["after"] == after
        assert lost[1]["data"] == {"n": 1}
        await socket.close()
    await keeper.close()


async def test_a_number_that_is_none_is_refused(served: Served) -> None:
    status, body = await served.json("GET", "/ws?clientId=me&after=soon")
    assert (status, body["error"]["extra_info"]["field"]) == (400, "after")
