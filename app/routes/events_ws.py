"""GET /ws: the event socket."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import WSMsgType, web

from app.bodies import query_int
from app.context import Context, context_of
from app.events.binary import encode_json
from app.events.hub import Client
from app.events.outbox import Message

MAX_CLIENT_MESSAGE = 1024 * 1024
"""Clients only send handshakes and small requests of packs."""


async def get_ws(request: web.Request) -> web.WebSocketResponse:
    """Opens the socket, greets the client and reads until it leaves."""
    context = context_of(request)
    after = query_int(request, "after")
    socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_CLIENT_MESSAGE)
    await socket.prepare(request)
    sid = request.query.get("clientId") or uuid.uuid4().hex
    transport = request.transport
    client = Client(sid, socket, transport.abort if transport is not None else _nothing, transport)
    context.hub.connect(client, _greeting(context, sid, resumes=after is not None), after)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                context.hub.receive(client, message.data)
    finally:
        await context.hub.disconnect(client)
        context.logs.subscribers.discard(sid)
    return socket


def _greeting(context: Context, sid: str, *, resumes: bool) -> list[Message]:
    """`status` with the session id first; then, for a client that comes back, the node that runs now.

    A client that resumes by number is told by the events themselves.
    """
    status = {"status": queue_status(context), "sid": sid}
    messages = [Message(encode_json("status", status), "status")]
    client_id, node = context.running()
    if client_id == sid and node is not None and not resumes:
        messages.append(Message(encode_json("executing", {"node": node}), "executing"))
    return messages


def queue_status(context: Context) -> dict[str, Any]:
    """Pending plus running prompts, as in every `status` message."""
    return {"exec_info": {"queue_remaining": context.engine.queue.get_tasks_remaining()}}


def _nothing() -> None:
    pass


ROUTES = (web.get("/ws", get_ws),)
