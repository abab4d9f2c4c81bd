"""GET /ws: the event socket."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import WSMsgType, web

from app.context import Context, context_of
from app.events.binary import encode_json
from app.events.hub import Client
from app.events.outbox import Message

MAX_CLIENT_MESSAGE = 1024 * 1024
"""Clients only send handshakes and small requests of packs."""


async def get_ws(request: web.Request) -> web.WebSocketResponse:
    """Opens the socket, greets the client and reads until it leaves."""
    context = context_of(request)
    socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_CLIENT_MESSAGE)
    await socket.prepare(request)
    sid = request.query.get("clientId") or uuid.uuid4().hex
    transport = request.transport
    client = Client(sid, socket, transport.abort if transport is not None else _nothing)
    context.hub.connect(client, _greeting(context, sid))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                context.hub.receive(client, message.data)
    finally:
        await context.hub.disconnect(client)
        context.logs.subscribers.discard(sid)
    return socket


def _greeting(context: Context, sid: str) -> list[Message]:
    """`status` with the session id first; then, for a client that comes back, the node that runs now."""
    status = {"status": queue_status(context), "sid": sid}
    messages = [Message(encode_json("status", status), "status")]
    client_id, node = context.running()
    if client_id == sid and node is not None:
        messages.append(Message(encode_json("executing", {"node": node}), "executing"))
    return messages


def queue_status(context: Context) -> dict[str, Any]:
    """Pending plus running prompts, as in every `status` message."""
    return {"exec_info": {"queue_remaining": context.engine.queue.get_tasks_remaining()}}


def _nothing() -> None:
    pass


ROUTES = (web.get("/ws", get_ws),)
