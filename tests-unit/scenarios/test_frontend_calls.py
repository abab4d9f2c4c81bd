"""Every call that the recorded web pages make gets the recorded status, content type and shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import comfyui_frontend_package
import pytest
from contract_server import WORKFLOW, ContractServer, graph, png, write_model, write_pack
from shapes import shape_problems

DATA = Path(__file__).parents[1] / "data" / "contract"
PIN = "1.58.1+jobs"
UNKNOWN_INPUT = {"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}}


def recorded_calls() -> list[dict[str, Any]]:
    """One row per call: where a call was answered differently with and without /jobs, the row with it."""
    rows = json.loads((DATA / "frontend_calls.json").read_text())
    with_jobs = {(row["method"], row["path"]) for row in rows if PIN in row["frontends"]}
    return [row for row in rows if PIN in row["frontends"] or (row["method"], row["path"]) not in with_jobs]


CALLS = recorded_calls()

BODIES: dict[tuple[str, str, int], dict[str, Any]] = {
    ("POST", "/api/free", 200): {"json": {"unload_models": False}},
    ("POST", "/api/history", 200): {"json": {"delete": ["no such prompt"]}},
    ("POST", "/api/interrupt", 200): {"json": {"prompt_id": "no such prompt"}},
    ("POST", "/api/prompt", 200): {
        "json": {
            "client_id": "page",
            "prompt": graph("PreviewImage"),
            "extra_data": {"extra_pnginfo": {"workflow": WORKFLOW}, "comfy_usage_source": "comfyui-frontend"},
        }
    },
    ("POST", "/api/prompt", 400): {"json": {"client_id": "page", "prompt": UNKNOWN_INPUT}},
    ("POST", "/api/queue", 200): {"json": {"clear": True}},
    ("POST", "/api/settings/{id}", 200): {"json": "large"},
    ("POST", "/api/upload/image", 200): {"files": {"image": ("up.png", png(), "image/png")}},
    ("POST", "/api/userdata/{file}?overwrite=false&full_info=true", 200): {"json": WORKFLOW},
    ("POST", "/api/userdata/{file}?overwrite=true&full_info=true", 200): {"json": WORKFLOW},
    ("PATCH", "/internal/logs/subscribe", 200): {"json": {"enabled": False, "clientId": "page"}},
    ("POST", "/api/jobs/cancel", 200): {"json": {"job_ids": ["00000000-0000-4000-8000-000000000000"]}},
}
FILES = {
    ("DELETE", "/api/userdata/{file}", 204): "workflows%2Fgone.json",
    ("POST", "/api/userdata/{file}?overwrite=false&full_info=true", 200): "workflows%2Fbrand%20new.json",
    ("POST", "/api/userdata/{file}/move/{dest}?overwrite=false", 200): "workflows%2Fold%20name.json",
}
BUILT_STYLE = next(
    path.name
    for path in sorted((Path(comfyui_frontend_package.__file__).parent / "static/assets").glob("*.css"))
)
NOT_THERE_YET = "userdata?dir="
"""Asked for again and again: 404 on a fresh server, 200 once a file was saved."""


@pytest.fixture(scope="module")
def fresh(start_server: Any, tmp_path_factory: pytest.TempPathFactory) -> ContractServer:
    """A server nobody has used."""
    started = start_server(packs=(write_pack(tmp_path_factory.mktemp("packs") / "contract_pack"),))
    write_model(started.base / "models/checkpoints/made.safetensors")
    return ContractServer(started.url, started.base)


@pytest.fixture(scope="module")
def early_404(fresh: ContractServer) -> dict[str, int]:
    """What a fresh server answers to the listings of folders that it does not have."""
    paths = [row["path"] for row in CALLS if NOT_THERE_YET in row["path"]]
    return {path: fresh.call("GET", path).status_code for path in paths}


@pytest.fixture(scope="module")
def server(fresh: ContractServer, early_404: dict[str, int]) -> ContractServer:
    """The same server, used."""
    fresh.prepare()
    fresh.call("POST", "/userdata/subgraphs%2Fmine.json", json={}).raise_for_status()
    return fresh


def filled(server: ContractServer, row: dict[str, Any]) -> str:
    """The recorded path with real values in place of its placeholders."""
    key = (row["method"], row["path"], row["status"])
    path = row["path"]
    if "type=input" in path:
        shown, subfolder = "in.png", ""
    elif "type=temp" in path:
        shown, subfolder = server.values["temp"], ""
    else:
        shown, subfolder = server.values["saved"], "contract"
    values = {
        "folder": "checkpoints",
        "int": "64",
        "id": server.values["prompt_id"] if "jobs" in path else "Comfy.Sidebar",
        "file": FILES.get(key, "workflows%2Fflow.json"),
        "dest": "workflows%2Fnew%20name.json",
        "filename": shown,
        "subfolder": subfolder,
        "number": "0.123",
        "name": "3d_hunyuan3d-v2.1",
        "thumbnail": "2_pass_pose_worship-1.webp",
    }
    path = path.replace("/assets/{built file}", f"/assets/{BUILT_STYLE}")
    path = path.replace("offset={int}", "offset=0")
    path = path.replace("/fonts/{file}", "/fonts/materialdesignicons-webfont.woff2")
    return re.sub(r"{(\w+)}", lambda found: values[found.group(1)], path)


@pytest.mark.parametrize("row", CALLS, ids=lambda row: f"{row['method']} {row['path']} {row['status']}")
def test_the_page_gets_the_recorded_answer(
    server: ContractServer, early_404: dict[str, int], row: dict[str, Any]
) -> None:
    if row["status"] == 404 and NOT_THERE_YET in row["path"]:
        assert early_404[row["path"]] == 404
        return
    key = (row["method"], row["path"], row["status"])
    answer = server.call(row["method"], filled(server, row), **BODIES.get(key, {}))
    assert answer.status_code == row["status"], answer.text[:500]
    if row["status"] >= 400 and row["path"] != "/api/prompt":
        assert answer.json()["error"], "every answer of 400 and above has a JSON body"
        return
    if not row["content_type"]:
        assert answer.content == b""
        return
    wanted = row["content_type"].split(";")[0]
    if wanted != "application/octet-stream":  # the recorded type of files nobody knows: ours is more exact
        assert answer.headers["Content-Type"].split(";")[0] == wanted
    if wanted == "application/json" and row["example_body_shape"] is not None:
        assert shape_problems(expected_shape(row), answer.json()) == []


NODE_FORMS = {
    "input": "object",
    "input_order": "object",
    "output_tooltips?": "list",
    "display_name": "str or null",
}


def expected_shape(row: dict[str, Any]) -> Any:
    """The recorded shape; what nodes say of their sockets has forms of its own, held by the object_info tests."""
    if row["path"] == "/api/object_info":
        return {"<class>": {**row["example_body_shape"]["<class>"], **NODE_FORMS}}
    if row["path"] in ("/api/settings", "/api/userdata/comfy.templates.json"):
        return "object"
    return row["example_body_shape"]
