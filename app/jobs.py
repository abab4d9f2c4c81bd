"""Jobs: queue items and history entries in the one shape that the web page's job list reads.

Pure. The page checks every job against a schema, and one that breaks it empties the whole list; so fields
that are unknown are left out, and values of a wrong kind never get in (frontend contract, table "Jobs").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.job_outputs import summarize_outputs

PENDING, IN_PROGRESS = "pending", "in_progress"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
STATUSES = (PENDING, IN_PROGRESS, COMPLETED, FAILED, CANCELLED)

SORT_KEYS = ("created_at", "execution_duration")

Job = dict[str, Any]


def job_of_item(item: tuple[Any, ...], status: str) -> Job:
    """A waiting or running job from a queue item."""
    job = _common(item, status)
    return _without_none(job)


def job_of_history(entry: Mapping[str, Any]) -> Job:
    """A finished job from a history entry."""
    messages = _messages(entry)
    job = _common(entry["prompt"], _final_status(entry, messages))
    job["execution_start_time"] = _time_of(messages, ("execution_start",))
    job["execution_end_time"] = _time_of(
        messages, ("execution_success", "execution_error", "execution_interrupted")
    )
    if not job["create_time"]:
        job["create_time"] = job["execution_start_time"] or 0
    if job["status"] == FAILED:
        job["execution_error"] = _error_of(messages)
    summary = summarize_outputs(entry.get("outputs") or {})
    job["outputs_count"] = summary.num_outputs
    job["previewable_outputs_count"] = summary.num_previewable
    job["preview_output"] = summary.preview
    return _without_none(job)


class FinishedJobs:
    """Jobs of history entries, each made once: the page asks for the list after every status message."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Mapping[str, Any], Job]] = {}

    def listed(self, entries: Callable[[Callable[[Mapping[str, Any]], Job]], Mapping[str, Job]]) -> list[Job]:
        """The jobs of all entries, in their order.

        `entries(function)` applies a function to every entry that history holds now. Entries never change, so
        one that was seen before keeps its job; those that history has dropped are forgotten here too.
        """
        seen: dict[int, tuple[Mapping[str, Any], Job]] = {}

        def job_of(entry: Mapping[str, Any]) -> Job:
            known = self._known.get(id(entry)) or (entry, job_of_history(entry))
            seen[id(entry)] = known  # the entry is kept with its job, so its id names no other one
            return known[1]

        found = list(entries(job_of).values())
        self._known = seen
        return found


def detail_of_history(entry: Mapping[str, Any]) -> Job:
    """The job with its outputs and workflow, for GET /jobs/{id}."""
    job = job_of_history(entry)
    job["outputs"] = dict(entry.get("outputs") or {})
    if entry.get("status"):
        job["execution_status"] = entry["status"]
    job["workflow"] = _workflow(entry["prompt"])
    return job


def detail_of_item(item: tuple[Any, ...], status: str) -> Job:
    """A waiting or running job with its workflow and no outputs."""
    return {**job_of_item(item, status), "outputs": {}, "workflow": _workflow(item)}


def select_jobs(
    jobs: Iterable[Job],
    *,
    workflow_id: str | None = None,
    sort_by: str = "created_at",
    descending: bool = True,
    limit: int | None = None,
    offset: int = 0,
) -> tuple[list[Job], int]:
    """Filter, sort, then cut a page: (jobs of the page, number before cutting)."""
    found = [job for job in jobs if workflow_id is None or job.get("workflow_id") == workflow_id]
    key = _duration if sort_by == "execution_duration" else _created
    found.sort(key=key, reverse=descending)
    end = None if limit is None else offset + limit
    return found[offset:end], len(found)


def pagination(offset: int, limit: int | None, total: int) -> dict[str, Any]:
    """The page description; `has_more` is a boolean and all four fields are there."""
    return {
        "offset": offset,
        "limit": limit,
        "total": total,
        "has_more": limit is not None and offset + limit < total,
    }


def _common(item: tuple[Any, ...] | list[Any], status: str) -> Job:
    number, prompt_id, _, extra_data = item[:4]
    return {
        "id": str(prompt_id),
        "status": status,
        "priority": number if isinstance(number, int | float) else None,
        "create_time": _number(extra_data.get("create_time")) or 0,
        "workflow_id": _workflow_id(extra_data),
    }


def _workflow(item: tuple[Any, ...] | list[Any]) -> dict[str, Any]:
    return {"prompt": item[2], "extra_data": item[3]}


def _workflow_id(extra_data: Mapping[str, Any]) -> str | None:
    info = extra_data.get("extra_pnginfo")
    workflow = info.get("workflow") if isinstance(info, dict) else None
    found = workflow.get("id") if isinstance(workflow, dict) else None
    return found if isinstance(found, str) else None


def _messages(entry: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    status = entry.get("status") or {}
    return [(m[0], m[1]) for m in status.get("messages", ()) if len(m) == 2 and isinstance(m[1], Mapping)]


def _final_status(entry: Mapping[str, Any], messages: list[tuple[str, Mapping[str, Any]]]) -> str:
    status = entry.get("status") or {}
    if status.get("status_str") != "error":
        return COMPLETED
    return CANCELLED if any(name == "execution_interrupted" for name, _ in messages) else FAILED


def _time_of(messages: list[tuple[str, Mapping[str, Any]]], names: tuple[str, ...]) -> int | float | None:
    for name, data in reversed(messages):
        if name in names:
            return _number(data.get("timestamp"))
    return None


def _error_of(messages: list[tuple[str, Mapping[str, Any]]]) -> dict[str, Any] | None:
    for name, data in reversed(messages):
        if name == "execution_error":
            error = dict(data)
            for key in ("node_id", "node_type", "exception_message", "exception_type"):
                error[key] = str(data.get(key) if data.get(key) is not None else "")
            error["traceback"] = [str(line) for line in data.get("traceback") or ()]
            return error
    return None


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _created(job: Job) -> float:
    return float(job.get("create_time") or 0)


def _duration(job: Job) -> float:
    start, end = job.get("execution_start_time"), job.get("execution_end_time")
    return float(end - start) if start is not None and end is not None else 0.0


def _without_none(job: Job) -> Job:
    return {key: value for key, value in job.items() if value is not None}
