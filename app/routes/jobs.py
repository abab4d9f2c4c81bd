"""The /api/jobs family: the job list of the web page. Asked for after every status message, so kept cheap."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from aiohttp import web

from app import jobs
from app.bodies import query_int, read_json_object
from app.context import Context, context_of
from app.errors import NotFoundError, RequestError
from app.json_text import to_json


async def get_jobs(request: web.Request) -> web.Response:
    """A page of jobs, filtered by status and workflow, newest first unless asked otherwise."""
    statuses = _statuses(request.query.get("status"))
    limit = query_int(request, "limit")
    if limit is not None and limit <= 0:
        raise _bad("limit", "limit must be a positive integer")
    offset = max(0, query_int(request, "offset", 0) or 0)
    page, total = jobs.select_jobs(
        _all_jobs(context_of(request), statuses),
        workflow_id=request.query.get("workflow_id"),
        sort_by=_one_of(request, "sort_by", jobs.SORT_KEYS),
        descending=_one_of(request, "sort_order", ("desc", "asc")) == "desc",
        limit=limit,
        offset=offset,
    )
    body = {"jobs": page, "pagination": jobs.pagination(offset, limit, total)}
    return web.json_response(text=to_json(body))


async def get_job(request: web.Request) -> web.Response:
    """One job with outputs and workflow."""
    job_id = request.match_info["job_id"]
    queue = context_of(request).engine.queue
    running, pending = queue.get_current_queue_volatile()
    for items, status in ((running, jobs.IN_PROGRESS), (pending, jobs.PENDING)):
        for item in items:
            if item[1] == job_id:
                return web.json_response(text=to_json(jobs.detail_of_item(item, status)))
    entry = queue.get_history(prompt_id=job_id).get(job_id)
    if entry is None:
        raise NotFoundError("Job not found", field="job_id", plain=True)
    return web.json_response(text=to_json(jobs.detail_of_history(entry)))


async def cancel_job(request: web.Request) -> web.Response:
    """Stops a running job, drops a pending one; a finished or unknown one is left alone."""
    return web.json_response({"cancelled": _cancel(context_of(request), request.match_info["job_id"])})


async def cancel_jobs(request: web.Request) -> web.Response:
    """As `cancel_job`, for several."""
    body = await read_json_object(request)
    job_ids = body.get("job_ids")
    if not isinstance(job_ids, list) or not job_ids:
        raise _bad("job_ids", "job_ids must be a list with at least one id")
    malformed = [job_id for job_id in job_ids if not _is_uuid(job_id)]
    if malformed:
        answer = {"error": "job_ids holds malformed ids", "field": "job_ids", "invalid_ids": malformed}
        return web.json_response(answer, status=400)
    context = context_of(request)
    cancelled = [_cancel(context, job_id) for job_id in job_ids]
    return web.json_response({"cancelled": any(cancelled)})


def _all_jobs(context: Context, statuses: frozenset[str]) -> Iterator[jobs.Job]:
    queue = context.engine.queue
    running, pending = queue.get_current_queue_volatile()
    if jobs.IN_PROGRESS in statuses:
        yield from (jobs.job_of_item(item, jobs.IN_PROGRESS) for item in running)
    if jobs.PENDING in statuses:
        yield from (jobs.job_of_item(item, jobs.PENDING) for item in pending)
    if statuses & {jobs.COMPLETED, jobs.FAILED, jobs.CANCELLED}:
        for job in context.finished_jobs.listed(lambda make: queue.get_history(map_function=make)):
            if job["status"] in statuses:
                yield job


def _cancel(context: Context, job_id: str) -> bool:
    queue = context.engine.queue
    return queue.interrupt_if_running(job_id) or queue.delete_queue_item(lambda item: bool(item[1] == job_id))


def _statuses(text: str | None) -> frozenset[str]:
    if not text:
        return frozenset(jobs.STATUSES)
    wanted = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    unknown = wanted - set(jobs.STATUSES)
    if unknown:
        raise _bad("status", f"status knows {', '.join(jobs.STATUSES)}, not {', '.join(sorted(unknown))}")
    return wanted


def _one_of(request: web.Request, name: str, choices: tuple[str, ...]) -> str:
    value = request.query.get(name, choices[0])
    if value not in choices:
        raise _bad(name, f"{name} must be one of {', '.join(choices)}")
    return value


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def _bad(field: str, message: str) -> RequestError:
    return RequestError("invalid_query", message, field=field, plain=True)


ROUTES = (
    web.get("/api/jobs", get_jobs),
    web.post("/api/jobs/cancel", cancel_jobs),
    web.get("/api/jobs/{job_id}", get_job),
    web.post("/api/jobs/{job_id}/cancel", cancel_job),
)
