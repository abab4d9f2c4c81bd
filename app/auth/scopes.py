"""What each route asks of its caller: one table, and the rule for routes that are not in it.

Scopes form a ladder: `run` includes `read`, `admin` includes both. A route that is not in the table, which means one
that a node pack added, asks for `admin`: it is closed until somebody says otherwise. A pack says otherwise with an
attribute on its handler: `handler.required_scope = "run"`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Scope(enum.IntEnum):
    """How much a caller may do; each step includes those below."""

    PUBLIC = 0
    """No key at all."""
    READ = 1
    """Look: queue, history, results, models, events."""
    RUN = 2
    """Also change: run and cancel prompts, upload, save workflows and settings."""
    ADMIN = 3
    """Also the server itself: users, logs, absolute paths, routes of packs."""

    @classmethod
    def parse(cls, text: str) -> Scope:
        """The scope of that name. Raises: ValueError with the names that exist."""
        names = {scope.name.lower(): scope for scope in cls if scope is not cls.PUBLIC}
        try:
            return names[text.strip().lower()]
        except KeyError as error:
            raise ValueError(f"scope must be one of {', '.join(names)}, got {text[:40]!r}") from error


_TABLE = """
public  GET    /health
public  GET    /codec/health
public  GET    /ready
public  GET    /login
public  POST   /login
public  POST   /logout
public  *      /.well-known/codec/*
read    GET    /
read    GET    /{file}
read    GET    /docs/{file}
read    GET    /docs/api
read    GET    /templates/{file}
read    GET    /extensions
read    GET    /extensions/{extension}/{file}
read    GET    /workflow_templates
read    GET    /workflow_templates/{pack}/{file}
read    GET    /openapi.json
read    GET    /metrics
read    GET    /ws
read    GET    /prompt
run     POST   /prompt
read    GET    /prompt/{prompt_id}/explain
read    GET    /queue
run     POST   /queue
run     POST   /interrupt
run     POST   /free
read    GET    /history
read    GET    /history/{prompt_id}
run     POST   /history
read    GET    /jobs
read    GET    /jobs/{job_id}
run     POST   /jobs/cancel
run     POST   /jobs/{job_id}/cancel
read    GET    /object_info
read    GET    /object_info/{node_class}
read    GET    /node_replacements
read    GET    /global_subgraphs
read    GET    /global_subgraphs/{id}
read    GET    /embeddings
read    GET    /models
read    GET    /models/{folder}
read    GET    /view_metadata/{folder_name}
read    GET    /experiment/models
read    GET    /experiment/models/{folder}
read    GET    /experiment/models/preview/{folder}/{path_index}/{filename}
read    GET    /view
run     POST   /upload/image
run     POST   /upload/mask
read    GET    /system_stats
read    GET    /features
read    GET    /i18n
read    GET    /users
admin   POST   /users
read    GET    /userdata
read    GET    /v2/userdata
read    GET    /userdata/{file}
run     POST   /userdata/{file}
run     DELETE /userdata/{file}
run     POST   /userdata/{file}/move/{dest}
read    GET    /settings
read    GET    /settings/{id}
run     POST   /settings
run     POST   /settings/{id}
read    *      /assets
read    *      /assets/{tail}
read    *      /tags
admin   GET    /internal/logs
admin   GET    /internal/logs/raw
admin   PATCH  /internal/logs/subscribe
admin   GET    /internal/folder_paths
read    GET    /internal/files/{directory_type}
read    GET    /codec
read    GET    /codec/assets/{name}
read    GET    /codec/info
read    GET    /codec/latents/{prompt_id}
read    GET    /codec/schema
run     POST   /v1/images/generations
run     POST   /v1/videos/generations
run     POST   /v1/workflows/run
read    GET    /v1/workflows/runs/{prompt_id}
read    GET    /v1/workflows/runs/{prompt_id}/events
run     POST   /v1/workflows/runs/{prompt_id}/cancel
"""


def _parse_table(text: str) -> dict[tuple[str, str], Scope]:
    rows = (line.split() for line in text.strip().splitlines())
    return {(method, path): Scope[name.upper()] for name, method, path in rows}


ROUTE_SCOPES: Mapping[tuple[str, str], Scope] = _parse_table(_TABLE)
"""(method, path without the /api in front) -> scope. Method `*` is every method; a final `/*` is everything below."""


def scope_in_table(method: str, path: str) -> Scope | None:
    """The scope of a route by its template, None when the table does not know it. HEAD asks what GET asks."""
    method = "GET" if method == "HEAD" else method
    while path.startswith("/api/"):
        path = path.removeprefix("/api")
    for key in ((method, path), ("*", path)):
        if key in ROUTE_SCOPES:
            return ROUTE_SCOPES[key]
    for (_, pattern), scope in ROUTE_SCOPES.items():
        if pattern.endswith("/*") and path.startswith(pattern[:-1]):
            return scope
    return None


def required_scope(method: str, path: str, handler: object = None) -> Scope:
    """What a caller needs for a route; `admin` for one that neither the table nor its handler places."""
    found = scope_in_table(method, path)
    if found is not None:
        return found
    declared = getattr(handler, "required_scope", None)
    if isinstance(declared, str):
        try:
            return Scope.parse(declared)
        except ValueError:
            return Scope.ADMIN
    return Scope.ADMIN
