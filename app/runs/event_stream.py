"""Events of one prompt as server-sent events, from the server's log: after a break it goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from app.events.log import EventLog, LoggedEvent
from app.runs.service import ActiveRun
from app.runs.shapes import Run

KEEP_ALIVE_S = 15.0
"""Proxies cut connections that say nothing for 30 to 60 s."""
CLOSING_WAIT_S = 1.0
"""After the end the closing `executing` is on its way from the engine's thread."""
END = "-end"
"""Behind the id of the last event: a reader that shows it has seen everything."""


def server_sent(event: str, data: Any, id_: str | None = None) -> bytes:
    """One event. JSON text has no line feeds, so one data line carries it."""
    head = f"id: {id_}\n" if id_ is not None else ""
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n".encode()


def event_of(logged: LoggedEvent) -> bytes:
    """A logged event; the name is the message's type, the data its data."""
    assert isinstance(logged.message.payload, str), "binary frames are not logged"
    message = json.loads(logged.message.payload)
    name = "".join(char for char in str(message["type"]) if char.isprintable()) or "message"
    return server_sent(name, message["data"], str(logged.seq))


def last_seen(text: str | None) -> tuple[int | None, bool]:
    """(number of the last event seen, whether that was the end) of a Last-Event-ID; None for what is no number."""
    if not text:
        return None, False
    number = text.removesuffix(END)
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    return (int(number) if is_number else None), is_number and text.endswith(END)


async def run_events(log: EventLog, run: ActiveRun, after: int | None) -> AsyncGenerator[bytes, None]:
    """Every event of the prompt from that number on, then `result`; comments while nothing happens."""
    cursor = run.first_seq if after is None else after
    if after is None:
        started = {"id": run.prompt_id, "status": "queued", "node_errors": dict(run.node_errors)}
        yield server_sent("run", started, str(cursor))
    elif not log.is_complete_after(after):
        yield server_sent("events_lost", {"after": after, "lost_through": log.lost_through})
        cursor = run.first_seq
    loop = asyncio.get_running_loop()
    last_moment: float | None = None
    while True:
        newest = log.newest
        found = [event for event in log.after(cursor) if event.prompt_id == run.prompt_id]
        for logged in found:
            yield event_of(logged)
        cursor = newest
        if run.ended.cancelled():
            return
        if run.ended.done():
            last_moment = last_moment or loop.time() + CLOSING_WAIT_S
            if any(map(_is_closing, found)) or loop.time() >= last_moment:
                break
        is_news = log.newest > cursor or await log.changed(
            KEEP_ALIVE_S if last_moment is None else last_moment - loop.time()
        )
        if not is_news and last_moment is None:
            yield b": still here\n\n"
    result: Run = run.ended.result()
    yield server_sent("result", result, f"{cursor}{END}")


def _is_closing(logged: LoggedEvent) -> bool:
    text = logged.message.payload
    return logged.message.kind == "executing" and isinstance(text, str) and '"node": null' in text
