"""The description of the interface against the interface: documents, tables, and a thousand made-up calls."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, settings
from plain_runs import PlainEngine
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served_app import Serve, Served

from app.auth.gate import AuthMode
from app.openapi.document import build_document, route_table, routes_of
from app.openapi.operations import OPERATIONS
from codec_transport.endpoints.routes import add_routes as add_codec_routes

DOCS = Path(__file__).parents[3] / "docs" / "api.md"
SCHEMATHESIS_CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
NOT_CALLED = frozenset(
    {"/ws", "/", "/{file}", "/docs/{file}", "/templates/{file}", "/extensions/{extension}/{file}"}
)
"""The socket, and files of the page: what they answer is a matter of the file."""
MADE_UP_CALLS = 6
"""Per operation."""


def with_codec(server: Any) -> None:
    add_codec_routes(web.Application(), server.routes, None)  # type: ignore[arg-type]  # described, not called


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


async def test_the_document_is_served_and_every_reference_leads_somewhere(served: Served) -> None:
    status, document = await served.json("GET", "/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    assert document == build_document(served.server.app, served.server.config.version)
    for reference in set(references(document)):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place
    names = [op["operationId"] for methods in document["paths"].values() for op in methods.values()]
    assert len(names) == len(set(names)) > 80
    assert all(op["summary"] for methods in document["paths"].values() for op in methods.values())


async def test_every_route_of_the_host_has_its_types_and_no_type_is_left_over(served: Served) -> None:
    ours = {(route.method, route.path) for route in routes_of(served.server.app)}
    assert not {key for key in ours if key not in OPERATIONS}
    elsewhere = {
        key
        for key in OPERATIONS
        if key[1].startswith(("/v1/images", "/v1/videos", "/codec", "/health", "/.w"))
    }
    assert not set(OPERATIONS) - ours - elsewhere


async def test_routes_of_packs_are_described_too_and_closed(serve: Serve) -> None:
    def add_pack(server: Any) -> None:
        @server.routes.get("/my_pack/{thing}")
        async def get_thing(request: web.Request) -> web.Response:
            """What a pack says of itself."""
            return web.json_response(request.match_info["thing"])

    served = await serve(before_routes=add_pack, auth=AuthMode.OFF)
    _, document = await served.json("GET", "/openapi.json")
    described = document["paths"]["/my_pack/{thing}"]["get"]
    assert described["summary"] == "What a pack says of itself."
    assert described["security"][0] == {"bearer": ["admin"]}


async def test_the_reference_page_shows_every_operation_and_loads_nothing(served: Served) -> None:
    async with served.http.get(served.url + "/docs/api") as answer:
        assert answer.content_type == "text/html"
        assert "script" not in answer.headers["Content-Security-Policy"]
        text = await answer.text()
    for route in routes_of(served.server.app):
        assert route.path.replace("'", "&#x27;") in text
    assert not re.search(r"<(script|link|img|iframe)|src=|https?://(?!json-schema)", text)


async def test_the_route_table_of_the_docs_is_the_one_of_the_code(serve: Serve) -> None:
    served = await serve(before_routes=with_codec)
    table = route_table(routes_of(served.server.app))
    assert table in DOCS.read_text(encoding="utf-8"), "run .venv/bin/python -m scripts.api_table"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_made_up_calls_get_documented_answers(served: Served) -> None:
    PlainEngine(served).run_all_at_once()
    (served.base / "output" / "a.png").write_bytes(b"x")
    document = json.loads(json.dumps(build_document(served.server.app, "1")))
    document["paths"] = {path: item for path, item in document["paths"].items() if path not in NOT_CALLED}
    called = await asyncio.to_thread(call_everything, document, served.url)
    assert called > 80 * MADE_UP_CALLS / 2


def call_everything(document: dict[str, Any], url: str) -> int:
    """Made-up calls of every operation; how many there were. Raises: what schemathesis finds."""
    called = 0
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=MADE_UP_CALLS,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def call(case: Any) -> None:
            nonlocal called
            called += 1
            response = case.call(base_url=url, allow_redirects=False, timeout=10)
            case.validate_response(response, checks=SCHEMATHESIS_CHECKS)
            assert "internal_error" not in response.text[:200]

        call()
    return called
