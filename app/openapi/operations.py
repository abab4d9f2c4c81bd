"""(method, path) -> what goes in and what comes out. Data; `document` makes the description of it.

Routes that are not here are described by what their handler says of itself alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.openapi import shapes as s
from app.runs import shapes as r

JSON_OBJECT = dict[str, Any]
BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Operation:
    """One route.

    answers: status -> type of the JSON body, or a media type as text for other bodies, or None for none; several in a
    tuple. body: a type for JSON, or a media type as text. Query and headers are TypedDicts; `_` in header names stands
    for `-`.
    """

    tag: str
    answers: Mapping[int, Any]
    query: Any = None
    body: Any = None
    headers: Any = None
    body_required: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


def _json(tag: str, answer: Any, **more: Any) -> Operation:
    return Operation(tag, {200: answer}, **more)


def _file(tag: str, media_type: str = BINARY, **more: Any) -> Operation:
    return Operation(tag, {200: media_type}, **more)


_ENDED_BADLY = r.Run | s.ErrorBody
_ASSETS_OFF = Operation("assets", {503: s.ErrorBody})
_FORM = "multipart/form-data"

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/workflows/run"): Operation(
        "runs",
        {
            200: (r.Run, "text/event-stream", BINARY),
            202: r.Run,
            409: r.Run | s.ErrorBody,
            500: r.Run | s.ErrorBody,
            503: s.ErrorBody,
            504: s.ErrorBody,
        },
        body=r.RunBody,
        headers=s.RunHeaders,
    ),
    ("GET", "/v1/workflows/runs/{prompt_id}"): _json("runs", r.Run),
    ("GET", "/v1/workflows/runs/{prompt_id}/events"): Operation(
        "runs", {200: "text/event-stream", 204: None}, headers=s.EventHeaders
    ),
    ("POST", "/v1/workflows/runs/{prompt_id}/cancel"): _json("runs", r.Cancelled),
    ("GET", "/ws"): Operation("events", {101: None}, query=s.SocketQuery),
    ("GET", "/prompt"): _json("prompts", s.QueueLength),
    ("POST", "/prompt"): Operation("prompts", {200: s.PromptAccepted, 500: "text/plain"}, body=s.PromptBody),
    ("GET", "/prompt/{prompt_id}/explain"): _json("prompts", JSON_OBJECT),
    ("GET", "/queue"): _json("prompts", s.Queue),
    ("POST", "/queue"): _json("prompts", None, body=s.ClearOrDelete),
    ("POST", "/interrupt"): _json("prompts", None, body=s.InterruptBody, body_required=False),
    ("POST", "/free"): _json("prompts", None, body=s.FreeBody),
    ("GET", "/history"): _json("prompts", JSON_OBJECT, query=s.HistoryQuery),
    ("GET", "/history/{prompt_id}"): _json("prompts", JSON_OBJECT),
    ("POST", "/history"): _json("prompts", None, body=s.ClearOrDelete),
    ("GET", "/api/jobs"): _json("jobs", s.Jobs, query=s.JobsQuery),
    ("GET", "/api/jobs/{job_id}"): _json("jobs", JSON_OBJECT),
    ("POST", "/api/jobs/cancel"): _json("jobs", r.Cancelled, body=s.JobIds),
    ("POST", "/api/jobs/{job_id}/cancel"): _json("jobs", r.Cancelled),
    ("GET", "/object_info"): _json("nodes", JSON_OBJECT),
    ("GET", "/object_info/{node_class}"): _json("nodes", JSON_OBJECT),
    ("GET", "/node_replacements"): _json("nodes", JSON_OBJECT),
    ("GET", "/global_subgraphs"): _json("nodes", JSON_OBJECT),
    ("GET", "/global_subgraphs/{id}"): _json("nodes", JSON_OBJECT),
    ("GET", "/embeddings"): _json("models", list[str]),
    ("GET", "/models"): _json("models", list[str]),
    ("GET", "/models/{folder}"): _json("models", list[str]),
    ("GET", "/view_metadata/{folder_name}"): _json("models", JSON_OBJECT, query=s.MetadataQuery),
    ("GET", "/experiment/models"): _json("models", list[JSON_OBJECT]),
    ("GET", "/experiment/models/{folder}"): _json("models", list[JSON_OBJECT]),
    ("GET", "/experiment/models/preview/{folder}/{path_index}/{filename}"): _file("models", "image/webp"),
    ("GET", "/view"): _file("files", query=s.ViewQuery),
    ("POST", "/upload/image"): _json("files", s.Uploaded, body=_FORM),
    ("POST", "/upload/mask"): _json("files", s.Uploaded, body=_FORM),
    ("GET", "/system_stats"): _json("server", s.SystemStats),
    ("GET", "/features"): _json("server", JSON_OBJECT),
    ("GET", "/ready"): Operation("server", {200: s.Ready, 503: s.Ready}),
    ("GET", "/metrics"): _file("server", "text/plain"),
    ("GET", "/openapi.json"): _json("server", JSON_OBJECT),
    ("GET", "/docs/api"): _file("server", "text/html"),
    ("GET", "/login"): Operation("server", {200: "text/html", 303: None}, query=s.LoginQuery),
    ("POST", "/login"): Operation(
        "server", {303: None, 401: "text/html"}, body="application/x-www-form-urlencoded"
    ),
    ("POST", "/logout"): Operation("server", {303: None}),
    ("GET", "/extensions"): _json("page", list[str]),
    ("GET", "/workflow_templates"): _json("page", JSON_OBJECT),
    ("GET", "/i18n"): _json("page", JSON_OBJECT),
    ("GET", "/users"): _json("users", JSON_OBJECT),
    ("POST", "/users"): _json("users", str, body=s.NewUser),
    ("GET", "/userdata"): _json("users", list[Any], query=s.UserdataQuery),
    ("GET", "/v2/userdata"): _json("users", list[JSON_OBJECT], query=s.TreeQuery),
    ("GET", "/userdata/{file}"): _file("users"),
    ("POST", "/userdata/{file}"): _json("users", str | JSON_OBJECT, query=s.StoreQuery, body=BINARY),
    ("DELETE", "/userdata/{file}"): Operation("users", {204: None}),
    ("POST", "/userdata/{file}/move/{dest}"): _json("users", str | JSON_OBJECT, query=s.StoreQuery),
    ("GET", "/settings"): _json("users", JSON_OBJECT),
    ("GET", "/settings/{id}"): _json("users", Any),
    ("POST", "/settings"): _json("users", None, body=JSON_OBJECT),
    ("POST", "/settings/{id}"): _json("users", None, body=Any),
    ("GET", "/internal/logs"): _json("internal", str),
    ("GET", "/internal/logs/raw"): _json("internal", s.LogEntries),
    ("PATCH", "/internal/logs/subscribe"): _json("internal", None, body=s.LogSubscription),
    ("GET", "/internal/folder_paths"): _json("internal", dict[str, list[str]]),
    ("GET", "/internal/files/{directory_type}"): _json("internal", list[str]),
    ("*", "/api/assets"): _ASSETS_OFF,
    ("*", "/api/assets/{tail}"): _ASSETS_OFF,
    ("*", "/api/tags"): _ASSETS_OFF,
    ("GET", "/"): _file("page", "text/html"),
    ("GET", "/{file}"): _file("page"),
    ("GET", "/docs/{file}"): _file("page"),
    ("GET", "/templates/{file}"): _file("page"),
    ("GET", "/extensions/{extension}/{file}"): _file("page"),
    ("GET", "/api/workflow_templates/{pack}/{file}"): _file("page"),
    ("POST", "/v1/images/generations"): _json("latents", JSON_OBJECT, body=JSON_OBJECT),
    ("POST", "/v1/videos/generations"): _json("latents", JSON_OBJECT, body=JSON_OBJECT),
    ("GET", "/codec/info"): _json("latents", JSON_OBJECT),
    ("GET", "/codec/schema"): _file("latents", "text/plain"),
    ("GET", "/codec/health"): _json("server", JSON_OBJECT),
    ("GET", "/health"): _json("server", JSON_OBJECT),
    ("GET", "/.well-known/codec/index.json"): _json("latents", JSON_OBJECT),
}
