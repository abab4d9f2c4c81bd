"""The plain queue of `served_app`, driven as an engine's thread would: start a prompt, send events, end it."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
from served_app import Served

GRAPH = {"1": {"class_type": "Thing", "inputs": {}}}


class PlainEngine:
    """Runs the prompts of one served application by hand."""

    def __init__(self, served: Served) -> None:
        self.served, self.queue = served, served.queue

    def begin(self) -> tuple[Any, ...]:
        """Takes the oldest prompt."""
        item = self.queue.pending.pop(0)
        self.queue.running.append(item)
        self.say("execution_start", {"prompt_id": item[1]}, item)
        return item

    def say(self, event: str, data: Any, item: tuple[Any, ...]) -> None:
        """One message to the prompt's client, from another thread."""
        client = item[3].get("client_id")
        self.served.run_in_thread(lambda: self.served.server.send_sync(event, data, client))

    def end(self, item: tuple[Any, ...], outputs: Any = None, *messages: tuple[str, Any]) -> None:
        """Stores the history entry and closes the prompt."""
        self.queue.running.remove(item)
        status = {
            "status_str": "error" if messages else "success",
            "completed": not messages,
            "messages": messages,
        }
        self.queue.history[item[1]] = {
            "prompt": item[:5], "outputs": outputs or {}, "status": status, "meta": {}
        }  # fmt: skip
        self.served.run_in_thread(self.served.server.queue_updated)
        self.say("executing", {"node": None, "prompt_id": item[1]}, item)

    def run_all_at_once(self, outputs: Any = None, *messages: tuple[str, Any]) -> None:
        """From now on a prompt that is put has ended already."""
        self.queue.on_put = lambda _item: self.end(self.begin(), outputs, *messages)


async def sse_events(response: aiohttp.ClientResponse) -> list[tuple[str | None, str, Any]]:
    """All (id, name, data) until the stream ends or breaks."""
    return [event async for event in sse_stream(response)]


async def sse_stream(response: aiohttp.ClientResponse) -> Any:
    """(id, name, data) as they come; comments are passed over."""
    id_, name = None, "message"
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("id: "):
            id_ = line[4:]
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield id_, name, json.loads(line[6:])
            id_, name = None, "message"
