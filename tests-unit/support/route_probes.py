"""One request for each documented status of each recorded route, by (method, path, status).

A value is the request, as `Probe(path with real values, ...)`, or the request and the status that we answer in its
place: such differences stand in docs/compatibility.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contract_server import graph, png

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Probe:
    """A request. `shape` picks one of several recorded shapes; `multi_user` asks the server with that flag."""

    path: str
    options: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    """What we answer, where it is not what is recorded."""
    shape: str | None = None
    multi_user: bool = False
    announce: bool = False
    """Only the headers of a body of 200 MiB."""


def bad_json(path: str, text: bytes = b"{not json") -> Probe:
    """A body that is not JSON: 400 here, an unhandled exception there."""
    return Probe(path, {"data": text}, status=400)


def image(name: str = "probe.png", **fields: str) -> dict[str, Any]:
    """A multipart upload."""
    return {"files": {"image": (name, png(), "image/png")}, "data": fields}


NOT_AN_IMAGE = {"files": {"image": (None, "just text")}}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
NO_INPUTS = {"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}}
REF = '{"filename": "in.png", "type": "input"}'

PROBES: dict[Key, Probe | list[Probe]] = {
    ("GET", "/ws", "400"): Probe("/ws"),
    ("GET", "/", "200"): Probe("/"),
    ("POST", "/prompt", "200"): Probe("/prompt", {"json": {"prompt": graph("PreviewImage")}}),
    ("POST", "/prompt", "400"): Probe("/prompt", {"json": NO_INPUTS}),
    ("POST", "/prompt", "413"): Probe("/prompt", announce=True),
    ("POST", "/prompt", "500"): [
        Probe("/prompt", {"data": b"{not json"}),
        Probe("/prompt", {"json": {"prompt": [1]}}, status=400),
        Probe("/prompt", {"json": {"prompt": {"1": {"class_type": "SaveImage"}}}}, status=400),
    ],
    ("GET", "/prompt", "200"): Probe("/prompt"),
    ("GET", "/queue", "200"): Probe("/queue"),
    ("POST", "/queue", "200"): Probe("/queue", {"json": {"clear": True, "delete": ["x"], "other": 1}}),
    ("POST", "/queue", "500"): bad_json("/queue"),
    ("GET", "/history", "200"): Probe("/history?max_items=5"),
    ("GET", "/history", "500"): Probe("/history?max_items=many", status=400),
    ("GET", "/history/{prompt_id}", "200"): [Probe("/history/{prompt_id}"), Probe("/history/unknown")],
    ("POST", "/history", "200"): Probe("/history", {"json": {"delete": ["x"]}}),
    ("POST", "/interrupt", "200"): [Probe("/interrupt"), Probe("/interrupt", {"data": b"{not json"})],
    ("POST", "/interrupt", "500"): bad_json("/interrupt", b"[1]"),
    ("POST", "/free", "200"): Probe("/free", {"json": {"unload_models": False, "free_memory": False}}),
    ("POST", "/free", "500"): bad_json("/free"),
    ("GET", "/object_info", "200"): Probe("/object_info"),
    ("GET", "/object_info/{node_class}", "200"): [
        Probe("/object_info/SaveImage"),
        Probe("/object_info/Unknown"),
    ],
    ("GET", "/embeddings", "200"): Probe("/embeddings"),
    ("GET", "/models", "200"): Probe("/models"),
    ("GET", "/models/{folder}", "200"): Probe("/models/checkpoints"),
    ("GET", "/models/{folder}", "404"): [Probe("/models/nothing"), Probe("/models/unet")],
    ("GET", "/view_metadata/{folder_name}", "200"): Probe(
        "/view_metadata/checkpoints?filename=made.safetensors"
    ),
    ("GET", "/view_metadata/{folder_name}", "404"): [
        Probe("/view_metadata/checkpoints"),
        Probe("/view_metadata/checkpoints?filename=made.ckpt"),
        Probe("/view_metadata/checkpoints?filename=unknown.safetensors"),
    ],
    ("GET", "/experiment/models", "200"): Probe("/experiment/models"),
    ("GET", "/experiment/models/{folder}", "200"): Probe("/experiment/models/checkpoints"),
    ("GET", "/experiment/models/{folder}", "404"): Probe("/experiment/models/nothing"),
    ("GET", "/experiment/models/preview/{folder}/{path_index}/{filename}", "200"): Probe(
        "/experiment/models/preview/checkpoints/0/made.safetensors"
    ),
    ("GET", "/experiment/models/preview/{folder}/{path_index}/{filename}", "404"): Probe(
        "/experiment/models/preview/checkpoints/0/unknown.safetensors"
    ),
    ("GET", "/experiment/models/preview/{folder}/{path_index}/{filename}", "500"): [
        Probe("/experiment/models/preview/checkpoints/first/made.safetensors", status=400),
        Probe("/experiment/models/preview/checkpoints/99/made.safetensors", status=400),
    ],
    ("GET", "/view", "200"): [
        Probe("/view?filename=in.png&type=input"),
        Probe("/view?filename=in.png%20[input]&preview=webp;80&rand=0.5"),
        Probe("/view?filename=in.png&type=input&channel=rgb"),
        Probe("/view?filename=in.png&type=input&channel=a"),
    ],
    ("GET", "/view", "206"): Probe("/view?filename=in.png&type=input", {"headers": {"Range": "bytes=0-3"}}),
    ("GET", "/view", "400"): [
        Probe("/view?filename="),
        Probe("/view?filename=/etc/passwd"),
        Probe("/view?filename=a..b"),
        Probe("/view?filename=in.png&type=elsewhere"),
    ],
    ("GET", "/view", "403"): Probe("/view?filename=in.png&type=input&subfolder=../.."),
    ("GET", "/view", "404"): [Probe("/view"), Probe("/view?filename=unknown.png")],
    ("POST", "/upload/image", "200"): Probe("/upload/image", image(type="temp", overwrite="1")),
    ("POST", "/upload/image", "400"): [
        Probe("/upload/image", {"files": {"other": ("x.png", png())}}),
        Probe("/upload/image", image(subfolder="../../..")),
    ],
    ("POST", "/upload/image", "413"): Probe("/upload/image", announce=True),
    ("POST", "/upload/image", "500"): [
        Probe("/upload/image", NOT_AN_IMAGE, status=400),
        Probe("/upload/image", image(type="elsewhere"), status=400),
    ],
    ("POST", "/upload/mask", "200"): [
        Probe("/upload/mask", image("mask.png", original_ref=REF)),
        Probe("/upload/mask", image("lost.png", original_ref='{"filename": "unknown.png"}')),
    ],
    ("POST", "/upload/mask", "400"): Probe("/upload/mask", image(subfolder="../..", original_ref=REF)),
    ("POST", "/upload/mask", "500"): Probe("/upload/mask", image("mask.png"), status=400),
    ("GET", "/system_stats", "200"): Probe("/system_stats"),
    ("GET", "/features", "200"): Probe("/features"),
    ("GET", "/extensions", "200"): Probe("/extensions"),
    ("GET", "/workflow_templates", "200"): Probe("/workflow_templates"),
    ("GET", "/api/workflow_templates/{pack}/{file}", "200"): Probe(
        "/api/workflow_templates/contract_pack/start.json"
    ),
    ("GET", "/i18n", "200"): Probe("/i18n"),
    ("GET", "/users", "200"): [
        Probe("/users", shape="single user"),
        Probe("/users", shape="--multi-user", multi_user=True),
    ],
    ("POST", "/users", "200"): Probe("/users", {"json": {"username": "Ada Lovelace"}}),
    ("POST", "/users", "400"): Probe("/users", {"json": {"username": "known"}}),
    ("POST", "/users", "500"): Probe("/users", {"json": {"username": ""}}, status=400),
    ("GET", "/userdata", "200"): [
        Probe("/userdata?dir=workflows", shape="default"),
        Probe("/userdata?dir=workflows&recurse=true&full_info=true", shape="full_info"),
        Probe("/userdata?dir=parts&recurse=true&split=true", shape="split"),
    ],
    ("GET", "/userdata", "400"): Probe("/userdata"),
    ("GET", "/userdata", "403"): Probe("/userdata?dir=../.."),
    ("GET", "/userdata", "404"): Probe("/userdata?dir=nothing"),
    ("GET", "/v2/userdata", "200"): Probe("/v2/userdata?path=workflows"),
    ("GET", "/v2/userdata", "400"): Probe("/v2/userdata?path=workflows/flow.json"),
    ("GET", "/v2/userdata", "403"): Probe("/v2/userdata", multi_user=True, status=401),
    ("GET", "/v2/userdata", "404"): Probe("/v2/userdata?path=nothing"),
    ("GET", "/v2/userdata", "500"): Probe("/v2/userdata?path=%00", status=403),
    ("GET", "/userdata/{file}", "200"): Probe("/userdata/workflows%2Fflow.json"),
    ("GET", "/userdata/{file}", "400"): Probe("/userdata/%20"),
    ("GET", "/userdata/{file}", "403"): Probe("/userdata/..%2F..%2Fusers.json"),
    ("GET", "/userdata/{file}", "404"): [Probe("/userdata/nothing"), Probe("/userdata/a/b")],
    ("POST", "/userdata/{file}", "200"): [
        Probe("/userdata/notes%2Fone.txt", {"data": b"text"}),
        Probe("/userdata/notes%2Fone.txt?full_info=true", {"data": b"text"}, shape="full_info"),
    ],
    ("POST", "/userdata/{file}", "400"): Probe("/userdata/%20", {"data": b"text"}),
    ("POST", "/userdata/{file}", "403"): Probe("/userdata/..%2Fx.txt", {"data": b"text"}),
    ("POST", "/userdata/{file}", "409"): Probe(
        "/userdata/workflows%2Fflow.json?overwrite=false", {"data": b"text"}
    ),
    ("DELETE", "/userdata/{file}", "204"): Probe("/userdata/workflows%2Fgone.json"),
    ("DELETE", "/userdata/{file}", "404"): Probe("/userdata/nothing"),
    ("DELETE", "/userdata/{file}", "403"): Probe("/userdata/..%2Fx.txt"),
    ("POST", "/userdata/{file}/move/{dest}", "200"): Probe(
        "/userdata/workflows%2Fold%20name.json/move/workflows%2Fnew.json"
    ),
    ("POST", "/userdata/{file}/move/{dest}", "404"): Probe("/userdata/nothing/move/b.txt"),
    ("POST", "/userdata/{file}/move/{dest}", "403"): Probe("/userdata/workflows%2Fflow.json/move/..%2Fb.txt"),
    ("POST", "/userdata/{file}/move/{dest}", "409"): Probe(
        "/userdata/workflows%2Fflow.json/move/keep.txt?overwrite=false"
    ),
    ("GET", "/settings", "200"): Probe("/settings"),
    ("GET", "/settings", "401"): Probe("/settings", {"headers": {"Comfy-User": "nobody"}}, multi_user=True),
    ("GET", "/settings/{id}", "200"): [Probe("/settings/Comfy.Sidebar"), Probe("/settings/unset")],
    ("POST", "/settings", "200"): Probe("/settings", {"json": {"Comfy.X": 1}}),
    ("POST", "/settings/{id}", "200"): Probe("/settings/Comfy.Y", {"json": None, "data": b"false"}),
    ("GET", "/internal/logs", "200"): Probe("/internal/logs"),
    ("GET", "/internal/logs/raw", "200"): Probe("/internal/logs/raw"),
    ("PATCH", "/internal/logs/subscribe", "200"): Probe(
        "/internal/logs/subscribe", {"json": {"clientId": "x", "enabled": False}}
    ),
    ("GET", "/internal/folder_paths", "200"): Probe("/internal/folder_paths"),
    ("GET", "/internal/files/{directory_type}", "200"): Probe("/internal/files/input"),
    ("GET", "/internal/files/{directory_type}", "400"): Probe("/internal/files/elsewhere"),
    ("GET", "/extensions/{pack}/{file}", "200"): Probe("/extensions/contract_pack/hello.js"),
    ("GET", "/templates/{file}", "200"): Probe("/templates/default.json"),
    ("GET", "/templates/{file}", "403"): Probe("/templates/"),
    ("GET", "/docs/{file}", "200"): Probe("/docs/SaveImage/en.md"),
    ("GET", "/docs/{file}", "403"): Probe("/docs/SaveImage/"),
    ("GET", "/{file}", "200"): Probe("/materialdesignicons.min.css"),
    ("GET", "/{file}", "404"): Probe("/nothing/here.txt"),
    ("GET", "/api/jobs", "200"): Probe("/api/jobs?status=completed&limit=5&sort_order=asc"),
    ("GET", "/api/jobs", "400"): [Probe("/api/jobs?status=success"), Probe("/api/jobs?limit=0")],
    ("GET", "/api/jobs/{job_id}", "200"): Probe("/api/jobs/{prompt_id}"),
    ("GET", "/api/jobs/{job_id}", "404"): Probe("/api/jobs/unknown"),
    ("POST", "/api/jobs/{job_id}/cancel", "200"): Probe(f"/api/jobs/{UNKNOWN}/cancel"),
    ("POST", "/api/jobs/cancel", "200"): Probe("/api/jobs/cancel", {"json": {"job_ids": [UNKNOWN]}}),
    ("POST", "/api/jobs/cancel", "400"): Probe("/api/jobs/cancel", {"json": {"job_ids": ["short"]}}),
    ("GET", "/node_replacements", "200"): Probe("/node_replacements"),
    ("GET", "/global_subgraphs", "200"): Probe("/global_subgraphs"),
    ("GET", "/global_subgraphs/{id}", "200"): Probe("/global_subgraphs/{blueprint}"),
}
"""Without the asset routes: all of them answer 503 in one form while the assets service is off."""
