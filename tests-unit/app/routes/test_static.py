"""The page and other files as they are, and what packs add."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.frontend import FrontendMissingError, find_web_roots
from app.safetensors_header import read_metadata

SERVED_PACKAGES = find_web_roots(None)


async def test_the_page_is_never_cached(served: Any) -> None:
    async with served.http.get(served.url + "/") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html"
        assert "no-store" in response.headers["Cache-Control"]
        assert "<html" in await response.text()


async def test_scripts_and_styles_have_the_types_that_browsers_insist_on(served: Any) -> None:
    assets = SERVED_PACKAGES.page / "assets"
    wanted = {".js": "text/javascript", ".css": "text/css"}
    for suffix, content_type in wanted.items():
        name = next(path.name for path in sorted(assets.iterdir()) if path.suffix == suffix)
        async with served.http.get(f"{served.url}/assets/{name}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == content_type
            assert response.headers["Cache-Control"] == "no-cache"


async def test_templates_are_served_and_a_missing_index_does_not_hurt(served: Any) -> None:
    async with served.http.get(served.url + "/templates/index.json") as response:
        assert response.headers["Content-Type"] == "application/json"
        assert isinstance(await response.json(), list)
    status, body = await served.json("GET", "/templates/index_logo.json")
    assert (status, body["error"]["type"]) == (404, "not_found")


async def test_unknown_paths_are_404_and_wrong_methods_405_with_json(served: Any) -> None:
    status, body = await served.json("GET", "/user.css")
    assert (status, body["error"]["extra_info"]) == (404, {"field": "path"})
    async with served.http.put(served.url + "/queue") as response:
        assert response.status == 405
        assert set(response.headers["Allow"].split(",")) >= {"GET", "POST"}
        assert (await response.json())["error"]["type"] == "method_not_allowed"


async def test_folders_are_not_listed(served: Any) -> None:
    for path in ("/assets", "/assets/", "/templates/"):
        assert (await served.json("GET", path))[0] == 403


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fsetup.py", "/assets/%2e%2e/%2e%2e/x", "/%2Fetc%2Fpasswd", "/a%00b", "/..%5c..%5cx"]
)
async def test_static_paths_do_not_leave_their_folder(served: Any, path: str) -> None:
    status, _ = await served.json("GET", path)
    assert status in (403, 404)


async def test_our_extension_is_listed_and_its_graph_is_served(served: Any) -> None:
    _, scripts = await served.json("GET", "/extensions")
    assert "/extensions/codec/first_visit.js" in scripts
    assert any(script.startswith("/extensions/core/") for script in scripts)
    async with served.http.get(served.url + "/extensions/codec/first_visit.js") as response:
        assert response.headers["Content-Type"] == "text/javascript"
    status, graph = await served.json("GET", "/extensions/codec/start_graph.json")
    assert status == 200
    assert next(node["type"] for node in graph["nodes"]) == "CheckpointLoaderSimple"


def test_the_start_graph_is_whole() -> None:
    path = Path(__file__).parents[3] / "app" / "web_extension" / "codec" / "start_graph.json"
    graph = json.loads(path.read_text())
    nodes = {node["id"]: node for node in graph["nodes"]}
    for link_id, source, out_slot, target, in_slot, kind in graph["links"]:
        assert link_id in nodes[source]["outputs"][out_slot]["links"]
        assert nodes[target]["inputs"][in_slot]["link"] == link_id
        assert nodes[source]["outputs"][out_slot]["type"] == nodes[target]["inputs"][in_slot]["type"] == kind
    assert graph["last_node_id"] == max(nodes)


def test_the_start_graph_asks_for_what_the_demo_model_does_well() -> None:
    root = Path(__file__).parents[3]
    graph = json.loads((root / "app" / "web_extension" / "codec" / "start_graph.json").read_text())
    values = {node["type"]: node["widgets_values"] for node in graph["nodes"]}
    (name,) = values["CheckpointLoaderSimple"]
    metadata = read_metadata(root / "models" / "checkpoints" / name)
    assert metadata is not None
    native = int(metadata["codec.native_size"])
    assert values["EmptyLatentImage"] == [native, native, 1]
    assert values["KSampler"][3] == float(metadata["codec.guidance_scale"])


async def test_packs_bring_routes_and_web_folders(serve: Any, data_folders: Path) -> None:
    web_folder = data_folders / "web"
    web_folder.mkdir()
    (web_folder / "a b.js").write_text("1")
    os.symlink("/etc/passwd", web_folder / "out.js")

    def before(server: Any) -> None:
        server.context.engine.web_directories["my pack"] = str(web_folder)

        @server.routes.get("/mine/{name}")
        async def mine(request: web.Request) -> web.Response:
            return web.json_response({"name": request.match_info["name"]})

        @server.routes.get("/queue")
        async def stolen(request: web.Request) -> web.Response:
            return web.json_response({})

        @server.routes.post("/broken")
        async def broken(request: web.Request) -> web.Response:
            raise KeyError("secret detail")

    served = await serve(before)
    for path in ("/mine/x", "/api/mine/x"):
        assert await served.json("GET", path) == (200, {"name": "x"})
    assert "queue_running" in (await served.json("GET", "/queue"))[1]
    _, scripts = await served.json("GET", "/extensions")
    assert "/extensions/my%20pack/a%20b.js" in scripts
    async with served.http.get(served.url + "/extensions/my%20pack/a%20b.js") as response:
        assert (response.status, await response.text()) == (200, "1")
    assert (await served.json("GET", "/extensions/my%20pack/out.js"))[0] == 403
    status, body = await served.json("POST", "/api/broken")
    assert (status, body["error"]["type"]) == (500, "internal_error")
    assert "secret" not in json.dumps(body)


def test_a_folder_without_a_page_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FrontendMissingError) as caught:
        find_web_roots(tmp_path)
    assert caught.value.root == str(tmp_path)
    assert "--front-end-root" in str(caught.value)


async def test_another_page_can_be_named(serve: Any, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<html>mine</html>")
    served = await serve(front_end_root=page)
    async with served.http.get(served.url + "/") as response:
        assert await response.text() == "<html>mine</html>"
