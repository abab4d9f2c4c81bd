"""/v1/workflows: run a graph and wait for its results, as JSON, as a file or as a stream of events."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

from aiohttp import web

from app.bodies import read_json_object
from app.context import CALLER, Context, context_of
from app.errors import NotFoundError, RequestError
from app.file_answers import guarded_file
from app.runs import results
from app.runs.answers import Form, Wanted, chosen_file, wanted_form
from app.runs.event_stream import last_seen, run_events
from app.runs.service import ActiveRun
from app.runs.shapes import Run, RunBody
from app.runs.targets import check_target
from app.typed import conform

CLIENT_CHECK_S = 0.25
"""How often a waiting answer looks whether its caller is still there."""
MAX_KEY_CHARS = 255
_STATUS = {"succeeded": 200, "failed": 500, "cancelled": 409}


async def post_run(request: web.Request) -> web.StreamResponse:
    """Runs a graph. Waits for the end and answers with the results, unless asked for a stream or for 202."""
    context = context_of(request)
    body = await _read_body(request, context)
    wanted = wanted_form(request.headers.get("Accept"), stream=body.get("stream", False))
    if wanted.form is Form.EVENTS:
        body["stream"] = True
    source = request.headers.get("Comfy-Usage-Source")
    run = await context.runs.start(body, base_url_of(request), _idempotency_key(request), source)
    if body.get("background"):
        return _accepted(context, run)
    if wanted.form is Form.EVENTS:
        return await _stream(request, context, run, *last_seen(request.headers.get("Last-Event-ID")))
    with context.runs.watching(run):
        ended = await _wait(request, run, body.get("timeout_s"))
    if ended is None:
        return _too_late(context, run, body)
    return await _answer(request, ended, wanted, body.get("response_format", "url"))


async def get_run(request: web.Request) -> web.Response:
    """The run as it stands now; also of prompts that came through POST /prompt."""
    run = context_of(request).runs.describe(request.match_info["prompt_id"], base_url_of(request))
    if run is None:
        raise NotFoundError("no such run", field="prompt_id")
    return web.json_response(run)


async def get_run_events(request: web.Request) -> web.StreamResponse:
    """The events of a run from `Last-Event-ID` on; 204 for a reader that has seen the end."""
    context = context_of(request)
    run = context.runs.find(request.match_info["prompt_id"])
    if run is None:
        raise NotFoundError("no such run, or it was not started by POST /v1/workflows/run", field="prompt_id")
    return await _stream(request, context, run, *last_seen(request.headers.get("Last-Event-ID")))


async def cancel_run(request: web.Request) -> web.Response:
    """Stops a run that runs, drops one that waits."""
    return web.json_response({"cancelled": context_of(request).runs.cancel(request.match_info["prompt_id"])})


async def _read_body(request: web.Request, context: Context) -> RunBody:
    body: Any = context.rewrite_prompt(await read_json_object(request))
    conform(body, RunBody)
    webhook = body.get("webhook")
    if webhook is not None:
        url = webhook if isinstance(webhook, str) else webhook["url"]
        check_target(url, allow_private=context.config.webhook_allow_private)
    return cast("RunBody", dict(body))


def base_url_of(request: web.Request) -> str:
    """What the caller reached this server by."""
    return f"{request.scheme}://{request.host}"


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_CHARS:
        raise RequestError(
            "invalid_key", f"must have 1 to {MAX_KEY_CHARS} characters", field="Idempotency-Key"
        )
    caller = request.get(CALLER)
    return f"{caller.key.id if caller is not None else ''} {key}"


async def _wait(request: web.Request, run: ActiveRun, timeout_s: float | None) -> Run | None:
    """The ended run, None when the time is over first. Raises: ConnectionResetError when the caller left."""
    loop = asyncio.get_running_loop()
    end = None if timeout_s is None else loop.time() + timeout_s
    while not run.ended.done():
        remaining = CLIENT_CHECK_S if end is None else min(CLIENT_CHECK_S, end - loop.time())
        if remaining <= 0:
            return None
        await asyncio.wait((run.ended,), timeout=remaining)
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the caller left")
    if run.ended.cancelled():
        raise RequestError("server_stops", "the server stops; ask again later", field="request", status=503)
    return run.ended.result()


async def _answer(
    request: web.Request, ended: Run, wanted: Wanted, response_format: str
) -> web.StreamResponse:
    headers = {"Prompt-Id": ended["id"]}
    if wanted.form is Form.FILE and ended["status"] == "succeeded":
        file = chosen_file(ended["files"], wanted.ranges)
        if file is None:
            made = ", ".join(sorted({file["content_type"] for file in ended["files"]})) or "no files"
            raise RequestError("not_acceptable", f"the run made {made}", field="Accept", status=406)
        answer = guarded_file(request, await asyncio.to_thread(results.path_of, file))
        answer.headers.update(headers)
        return answer
    if response_format == "b64_json":
        ended = cast("Run", {**ended, "files": [dict(file) for file in ended["files"]]})
        await asyncio.to_thread(results.embed_files, ended)
    return web.json_response(ended, status=_STATUS[ended["status"]], headers=headers)


async def _stream(
    request: web.Request, context: Context, run: ActiveRun, after: int | None, has_all: bool
) -> web.StreamResponse:
    if has_all:
        return web.Response(status=204)
    headers = {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "Prompt-Id": run.prompt_id,
    }
    response = web.StreamResponse(headers=headers)
    with context.runs.watching(run):
        await response.prepare(request)
        async with contextlib.aclosing(run_events(context.hub.log, run, after)) as events:
            async for event in _until_left(request, events):
                await response.write(event)
        await response.write_eof()
    return response


async def _until_left(request: web.Request, events: Any) -> Any:
    """The events, as long as the caller is there; looks while nothing happens too."""
    upcoming: asyncio.Future[bytes] | None = None
    try:
        while True:
            upcoming = asyncio.ensure_future(anext(events))
            while not upcoming.done():
                await asyncio.wait((upcoming,), timeout=CLIENT_CHECK_S)
                if request.transport is None or request.transport.is_closing():
                    raise ConnectionResetError("the caller left")
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            yield event
    finally:
        if upcoming is not None and not upcoming.done():
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)


def _accepted(context: Context, run: ActiveRun) -> web.Response:
    known = context.runs.describe(run.prompt_id, run.base_url)
    headers = {"Location": f"/v1/workflows/runs/{run.prompt_id}", "Prompt-Id": run.prompt_id}
    return web.json_response(known, status=202, headers=headers)


def _too_late(context: Context, run: ActiveRun, body: RunBody) -> web.Response:
    if body.get("on_disconnect", "cancel") == "cancel" and not body.get("webhook"):
        context.runs.cancel(run.prompt_id)
        goes_on = "it was stopped"
    else:
        goes_on = f"it goes on: GET /v1/workflows/runs/{run.prompt_id}"
    error = RequestError("timeout", f"the run did not end in time; {goes_on}", field="timeout_s", status=504)
    return web.json_response(error.to_body(), status=504, headers={"Prompt-Id": run.prompt_id})


ROUTES = (
    web.post("/v1/workflows/run", post_run),
    web.get("/v1/workflows/runs/{prompt_id}", get_run),
    web.get("/v1/workflows/runs/{prompt_id}/events", get_run_events),
    web.post("/v1/workflows/runs/{prompt_id}/cancel", cancel_run),
)
