"""From the queue and the history to the `Run` that callers get."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import folder_paths
from app.engine import PromptQueue
from app.errors import RequestError
from app.runs.shapes import Run, RunError, RunFile, RunStatus

MAX_INLINE_BYTES = 64 * 1024 * 1024
"""Of all files of one answer before base64; larger results are for URLs."""


def describe_run(
    queue: PromptQueue, prompt_id: str, base_url: str, node_errors: Mapping[str, Any] | None = None
) -> Run | None:
    """The run as it stands now; None when nobody knows it."""
    entry = queue.get_history(prompt_id).get(prompt_id)
    if entry is not None:
        return finished_run(prompt_id, entry, base_url, node_errors)
    running, pending = queue.get_current_queue_volatile()
    for items, status in ((running, "running"), (pending, "queued")):
        for item in items:
            if item[1] == prompt_id:
                return unfinished_run(prompt_id, status, item, node_errors)  # type: ignore[arg-type]  # a RunStatus
    return None


def unfinished_run(
    prompt_id: str,
    status: RunStatus,
    item: Sequence[Any] | None,
    node_errors: Mapping[str, Any] | None = None,
) -> Run:
    """A run without results."""
    return {
        "id": prompt_id,
        "object": "workflow.run",
        "status": status,
        "created_at": item[3].get("create_time") if item is not None else None,
        "outputs": {},
        "files": [],
        "error": None,
        "node_errors": dict(node_errors or {}),
    }


def finished_run(
    prompt_id: str, entry: Mapping[str, Any], base_url: str, node_errors: Mapping[str, Any] | None = None
) -> Run:
    """A run from its history entry."""
    run = unfinished_run(prompt_id, "succeeded", entry["prompt"], node_errors)
    run["outputs"] = entry.get("outputs") or {}
    run["files"] = list(_files(run["outputs"], base_url))
    run["error"] = _error(entry.get("status") or {})
    if run["error"] is not None:
        run["status"] = "cancelled" if run["error"]["type"] == "cancelled" else "failed"
    return run


def removed_run(prompt_id: str) -> Run:
    """A run that was taken out of the queue before it began."""
    run = unfinished_run(prompt_id, "cancelled", None)
    run["error"] = _named_error("cancelled", "the prompt was taken out of the queue")
    return run


def path_of(file: RunFile) -> Path:
    """Where a file of a result is. Raises: PathEscapeError."""
    root = folder_paths.get_directory_by_type(file["type"]) or folder_paths.get_output_directory()
    relative = f"{file['subfolder']}/{file['filename']}" if file["subfolder"] else file["filename"]
    return folder_paths.jailed_path(root, relative)


def embed_files(run: Run) -> None:
    """Puts every file into the run in base64, in place of its URL. Raises: RequestError above the limit."""
    total = sum(file["size_bytes"] or 0 for file in run["files"])
    if total > MAX_INLINE_BYTES:
        text = f"the files have {total} bytes, at most {MAX_INLINE_BYTES} go into an answer; ask for url"
        raise RequestError("results_too_large", text, field="response_format", status=422)
    for file in run["files"]:
        path = path_of(file)
        if path.is_file():
            file["b64_json"] = base64.b64encode(path.read_bytes()).decode()
            file.pop("url", None)


def _files(outputs: Mapping[str, Any], base_url: str) -> Iterator[RunFile]:
    for node_id, shown in outputs.items():
        for kind, items in shown.items() if isinstance(shown, Mapping) else ():
            for item in items if isinstance(items, list | tuple) else ():
                if isinstance(item, Mapping) and isinstance(item.get("filename"), str):
                    yield _file(node_id, kind, item, base_url)


def _file(node_id: str, kind: str, item: Mapping[str, Any], base_url: str) -> RunFile:
    name, subfolder = item["filename"], str(item.get("subfolder") or "")
    folder_type = str(item.get("type") or "output")
    query = urlencode({"filename": name, "subfolder": subfolder, "type": folder_type})
    file: RunFile = {
        "node_id": node_id,
        "kind": kind,
        "filename": name,
        "subfolder": subfolder,
        "type": folder_type,
        "content_type": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "size_bytes": None,
        "url": f"{base_url}/view?{query}",
    }
    try:
        file["size_bytes"] = path_of(file).stat().st_size
    except (OSError, folder_paths.PathEscapeError):
        file["size_bytes"] = None
    return file


def _error(status: Mapping[str, Any]) -> RunError | None:
    if status.get("completed"):
        return None
    for event, data in reversed(status.get("messages") or []):
        if event == "execution_interrupted":
            return _named_error("cancelled", "the prompt was interrupted", data)
        if event == "execution_error":
            message = str(data.get("exception_message") or "").strip() or "the node raised"
            return _named_error(str(data.get("exception_type") or "execution_error"), message, data)
    return _named_error("execution_error", "the prompt did not complete; the server's log says why")


def _named_error(type_: str, message: str, data: Mapping[str, Any] | None = None) -> RunError:
    data = data or {}
    return {
        "type": type_, "message": message, "node_id": data.get("node_id"), "node_type": data.get("node_type")
    }  # fmt: skip
