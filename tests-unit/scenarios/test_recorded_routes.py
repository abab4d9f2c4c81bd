"""Every route and every documented status of the recorded route list, one probe each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from contract_server import ContractServer, write_model, write_pack
from route_probes import PROBES, Key, Probe
from shapes import shape_problems

ROOT = Path(__file__).parents[2]
ROUTES: list[dict[str, Any]] = json.loads((ROOT / "tests-unit/data/contract/routes.json").read_text())
ASSETS = [route for route in ROUTES if route["section"] == "assets"]
DOCUMENTED: dict[Key, Any] = {
    (route["method"], route["path"], status): shape
    for route in ROUTES
    if route not in ASSETS
    for status, shape in {**route["responses"], **route["errors"]}.items()
}
UPGRADE = ("GET", "/ws", "101")
CASES = [
    (key, probe)
    for key, probes in PROBES.items()
    for probe in (probes if isinstance(probes, list) else [probes])
]
HUGE_BYTES = 200 * 1024 * 1024


@pytest.fixture(scope="module")
def server(start_server: Any, tmp_path_factory: pytest.TempPathFactory) -> ContractServer:
    """A server with one of everything."""
    started = start_server(packs=(write_pack(tmp_path_factory.mktemp("packs") / "contract_pack"),))
    write_model(started.base / "models/checkpoints/made.safetensors")
    found = ContractServer(started.url, started.base)
    found.prepare()
    found.call("POST", "/users", json={"username": "known"}).raise_for_status()
    found.call("POST", "/userdata/keep.txt", data=b"x").raise_for_status()
    blueprints = found.call("GET", "/global_subgraphs").json()
    (found.values["blueprint"],) = [key for key, entry in blueprints.items() if entry["name"] == "twice"]
    return found


@pytest.fixture(scope="module")
def multi_user_server(start_server: Any) -> ContractServer:
    """A server that asks who it is talking to."""
    started = start_server("--multi-user")
    return ContractServer(started.url, started.base)


def test_every_documented_status_has_a_probe() -> None:
    assert sorted({*PROBES, UPGRADE}) == sorted(DOCUMENTED)


def ask(server: ContractServer, key: Key, probe: Probe) -> requests.Response:
    """The answer to a probe."""
    path = probe.path.format(**server.values) if "{" in probe.path else probe.path
    return server.call(key[0], path, **probe.options)


@pytest.mark.parametrize(
    ("key", "probe"), CASES, ids=[f"{' '.join(key)} {probe.path}" for key, probe in CASES]
)
def test_the_route_answers_as_documented(
    server: ContractServer, key: Key, probe: Probe, request: pytest.FixtureRequest
) -> None:
    status = key[2]
    if probe.announce:
        assert server.announce(probe.path, HUGE_BYTES) == int(status)
        return
    asked: ContractServer = request.getfixturevalue("multi_user_server") if probe.multi_user else server
    answer = ask(asked, key, probe)
    assert answer.status_code == (probe.status or int(status)), answer.text[:500]
    if answer.status_code >= 400:
        assert answer.json()["error"], "every answer of 400 and above has a JSON body"
    if probe.status is None:
        assert problems(DOCUMENTED[key], probe, answer) == []


def problems(documented: Any, probe: Probe, answer: requests.Response) -> list[str]:
    """Where the body differs from the documented shape; texts describe status and purpose only."""
    if probe.shape == "full_info" and isinstance(documented, str):
        return shape_problems(
            {"path": "str", "size": "int", "modified": "int", "created": "int"}, answer.json()
        )
    if documented in ("empty body", "empty"):
        if answer.status_code < 400:
            return [] if answer.content == b"" else [f"{len(answer.content)} bytes instead of an empty body"]
        return []
    if isinstance(documented, str):
        leading = documented.split(";")[0].split(",")[0]
        kinds = {"JSON string": str, "list of": list, "object": dict}
        for words, kind in kinds.items():
            if leading.startswith(words) and "=" not in leading:
                return [] if isinstance(answer.json(), kind) else [f"no {kind.__name__}: {answer.text[:80]}"]
        return []
    shape = (
        documented[probe.shape] if isinstance(documented, dict) and probe.shape in documented else documented
    )
    if isinstance(shape, dict):
        described = {
            "item",
            "split",
            "default",
            "full_info",
        }  # words about values inside, not keys of the body
        shape = {name: inner for name, inner in shape.items() if name not in described}
    if answer.status_code >= 400 and isinstance(shape, dict):
        shape = {name: inner for name, inner in shape.items() if not str(inner).startswith("only for")}
    if answer.status_code == 200 and "/api/jobs" in probe.path:
        return job_problems(answer.json())
    return shape_problems(shape, answer.json())


def job_problems(body: dict[str, Any]) -> list[str]:
    """Fields of jobs are left out when they are null; the page's own calls hold the rest of the schema."""
    jobs = body.get("jobs", [body] if "id" in body else [])
    wrong = [job for job in jobs if not isinstance(job["id"], str) or not isinstance(job["create_time"], int)]
    wrong += [job for job in jobs if None in job.values()]
    if "pagination" in body:
        keys = {"offset", "limit", "total", "has_more"}
        return [*map(str, wrong)] + ([] if set(body["pagination"]) == keys else [str(body["pagination"])])
    return [*map(str, wrong)]


@pytest.mark.parametrize("path", ["/ws", "/api/ws"])
def test_the_event_socket_opens(server: ContractServer, path: str) -> None:
    socket = websocket.create_connection(server.url.replace("http", "ws", 1) + path, timeout=30)
    assert json.loads(socket.recv())["data"]["sid"]
    assert socket.getstatus() == 101
    socket.close()


@pytest.mark.parametrize("route", ASSETS, ids=lambda route: f"{route['method']} {route['path']}")
def test_assets_are_off_in_the_documented_form(server: ContractServer, route: dict[str, Any]) -> None:
    answer = server.call(route["method"], route["path"].replace("{uuid}", "x").replace("{hash}", "blake3:00"))
    assert answer.status_code == 503
    if route["method"] != "HEAD":
        assert answer.json()["error"]["code"] == "SERVICE_DISABLED"


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route["method"] == "GET" and "{" not in route["path"]],
    ids=lambda route: route["path"],
)
def test_paths_have_their_alias_and_answer_head(server: ContractServer, route: dict[str, Any]) -> None:
    plain = server.call("GET", route["path"])
    if route["api_alias"] and route["path"] not in ("/", "/ws"):
        assert server.call("GET", "/api" + route["path"]).status_code == plain.status_code
    if route["path"].startswith("/internal"):
        assert server.call("GET", "/api" + route["path"]).status_code == 404
    head = server.call("HEAD", route["path"])
    assert (head.status_code, head.content) == (plain.status_code, b"")


def test_every_difference_is_written_down() -> None:
    text = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
    for (method, path, status), probe in CASES:
        if probe.status is not None and str(probe.status) != status:
            assert f"`{method} {path}`" in text, f"{method} {path}: {status} became {probe.status}"
