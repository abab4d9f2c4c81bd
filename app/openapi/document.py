"""The OpenAPI 3.1 document of an application: its registered routes, their handlers' words, the types of `operations`.

Aliases below /api are left out; a note says that they exist.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from aiohttp import web

from app.auth.scopes import Scope, required_scope
from app.openapi.operations import OPERATIONS, Operation
from app.openapi.shapes import ErrorBody
from app.typed import schema_of

VERSION = "3.1.0"
_METHODS = ("get", "post", "put", "patch", "delete")
_TEXT = """\
ComfyUI's interface and what this server adds to it. Every route without /internal in front also answers below /api.
Refusals have a JSON body that names the field at fault. Servers that listen beyond their machine ask for a key:
`Authorization: Bearer <key>`; the scope that a route asks for is with it (`run` includes `read`, `admin` both).
"""


@dataclass(frozen=True, slots=True)
class Route:
    """One registered route, without its aliases."""

    method: str
    path: str
    handler: Any

    @property
    def summary(self) -> str:
        """The first line of the handler's own words."""
        return (inspect.getdoc(self.handler) or "").split("\n", 1)[0]

    @property
    def scope(self) -> Scope:
        """What a caller needs."""
        return required_scope(self.method, self.path, self.handler)


def routes_of(application: web.Application) -> list[Route]:
    """Every route once, by path and method; HEAD and OPTIONS are understood."""
    every = {
        (route.method, _path_of(route)): route.handler
        for route in application.router.routes()
        if route.method not in ("HEAD", "OPTIONS") and route.resource is not None
    }
    found = [
        Route(method, path, handler)
        for (method, path), handler in every.items()
        if not (path.startswith("/api/") and (method, path.removeprefix("/api")) in every)
    ]
    return sorted(found, key=lambda route: (route.path, route.method))


def build_document(application: web.Application, version: str) -> dict[str, Any]:
    """The document. Deterministic: the same routes give the same text."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes_of(application):
        operation = OPERATIONS.get((route.method, route.path))
        methods = _METHODS if route.method == "*" else (route.method.lower(),)
        for method in methods:
            paths.setdefault(route.path, {})[method] = _describe(route, method, operation, schemas)
    schema_of(ErrorBody, schemas)
    return {
        "openapi": VERSION,
        "info": {"title": "codec-comfyui", "version": version, "description": _TEXT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {"Refused": _refused()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "page": {"type": "apiKey", "in": "cookie", "name": "codec_session"},
            },
        },
    }


def _describe(
    route: Route, method: str, operation: Operation | None, schemas: dict[str, Any]
) -> dict[str, Any]:
    operation = operation or Operation("packs", {200: "*/*"})
    name = re.sub(r"\W+", "_", f"{method}_{route.path}").strip("_")
    scope = route.scope
    described: dict[str, Any] = {
        "operationId": name,
        "tags": [operation.tag],
        "summary": route.summary,
        "parameters": list(_parameters(route.path, operation, schemas)),
        "responses": _responses(operation, schemas),
        "security": [] if scope is Scope.PUBLIC else [{"bearer": [scope.name.lower()]}, {"page": []}],
    }
    if operation.body is not None and method not in ("get", "delete"):
        described["requestBody"] = {
            "required": operation.body_required,
            "content": _content(operation.body, schemas),
        }
    return described


def _parameters(path: str, operation: Operation, schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    for place, shape in (("query", operation.query), ("header", operation.headers)):
        if shape is None:
            continue
        schema_of(shape, schemas)
        known = schemas.pop(shape.__name__)
        for name in get_type_hints(shape):
            schema = dict(known["properties"][name])
            text = schema.pop("description", None)
            shown = name.replace("_", "-") if place == "header" else name
            if shown.lower() in ("accept", "authorization", "content-type"):
                continue  # by the standard these are described elsewhere
            parameter = {"name": shown, "in": place, "required": name in known.get("required", [])}
            yield {**parameter, "schema": schema, **({"description": text} if text else {})}


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, answer in operation.answers.items():
        found[str(status)] = {"description": _MEANING.get(status, "answered")}
        if answer is not None:
            found[str(status)]["content"] = _content(answer, schemas)
    found["4XX"] = {"$ref": "#/components/responses/Refused"}
    return found


def _content(answer: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if isinstance(answer, tuple):
        return {kind: content for part in answer for kind, content in _content(part, schemas).items()}
    if isinstance(answer, str):
        schema: dict[str, Any] = {} if answer in ("application/octet-stream", "*/*") else {"type": "string"}
        if answer.startswith(("multipart/", "application/x-www-form")):
            schema = {"type": "object"}
        media_type = "*/*" if answer == "application/octet-stream" else answer
        return {media_type: {"schema": schema}}
    return {"application/json": {"schema": schema_of(answer, schemas)}}


def _refused() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ErrorBody"}
    return {
        "description": "refused; the body names field and reason",
        "content": {"application/json": {"schema": schema}},
    }


def _path_of(route: web.AbstractRoute) -> str:
    assert route.resource is not None, "system routes are left out"
    return route.resource.canonical


_MEANING = {
    101: "the event socket",
    200: "done",
    202: "accepted; it goes on by itself",
    204: "nothing more to say",
    303: "go on there",
    401: "this key is not known",
    409: "stopped by somebody, or in use",
    500: "a node raised, or the server has a fault",
    503: "not now",
    504: "not in time",
}


def route_table(routes: Iterable[Route]) -> str:
    """The routes as a Markdown table: method, path, scope, what it does."""
    lines = ["| method | path | scope | |", "|---|---|---|---|"]
    for route in routes:
        path = f"`{route.path}`"
        lines.append(f"| {route.method} | {path} | {route.scope.name.lower()} | {route.summary} |")
    return "\n".join(lines) + "\n"
