"""/object_info, /system_stats, /features, /internal, /i18n, blueprints, assets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app import system


async def test_object_info_leaves_broken_classes_out(served: Any) -> None:
    served.node_infos.update({"Good": {"info": {"name": "Good", "output": []}}, "Broken": {}})
    status, body = await served.json("GET", "/object_info")
    assert (status, body) == (200, {"Good": {"name": "Good", "output": []}})
    assert await served.json("GET", "/api/object_info/Good") == (200, body)
    assert await served.json("GET", "/object_info/Broken") == (200, {})
    assert await served.json("GET", "/object_info/Unknown") == (200, {})


async def test_object_info_never_holds_a_bare_nan(served: Any) -> None:
    options = {"min": float("-inf"), "default": float("nan"), "max": 5.0}
    served.node_infos["Odd"] = {"info": {"input": {"required": {"x": ("FLOAT", options)}}}}
    async with served.http.get(served.url + "/object_info") as response:
        text = await response.text()
    parsed = json.loads(text, parse_constant=lambda name: pytest.fail(f"bare {name}"))
    assert parsed["Odd"]["input"]["required"]["x"] == ["FLOAT", {"min": None, "default": None, "max": 5.0}]


async def test_system_stats_hold_what_the_page_needs(serve: Any) -> None:
    served = await serve(argv=("main.py", "--port", "1"))
    status, body = await served.json("GET", "/api/system_stats")
    facts = body["system"]
    assert status == 200
    assert facts["argv"] == ["main.py", "--port", "1"]
    assert facts["required_frontend_version"] == "1.58.1"
    assert facts["ram_total"] > facts["ram_free"] > 0
    assert {"os", "comfyui_version", "python_version", "pytorch_version", "embedded_python"} <= set(facts)
    assert body["devices"] == []


def test_required_versions_are_those_of_the_requirements() -> None:
    pinned = (Path(__file__).parents[3] / "requirements.txt").read_text()
    assert f"{system.FRONTEND_PACKAGE}=={system.REQUIRED_FRONTEND}\n" in pinned
    assert f"{system.TEMPLATES_PACKAGE}=={system.REQUIRED_TEMPLATES}\n" in pinned


async def test_feature_flags_cannot_replace_core_ones(serve: Any) -> None:
    served = await serve(feature_flags={"assets": True, "mine": 5}, max_upload_mb=1.5)
    _, body = await served.json("GET", "/features")
    assert (body["assets"], body["mine"], body["max_upload_size"]) == (False, 5, 1572864.0)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_assets_say_that_they_are_off(served: Any, method: str) -> None:
    for path in ("/api/assets", "/api/assets/seed/status", "/api/tags"):
        status, body = await served.json(method, path)
        assert (status, body["error"]["code"]) == (503, "SERVICE_DISABLED")


async def test_logs_and_their_messages(served: Any) -> None:
    served.server.logs.write("first line\n")
    _, text = await served.json("GET", "/internal/logs")
    assert text.endswith(" - first line\n")
    _, raw = await served.json("GET", "/internal/logs/raw")
    assert raw["entries"][-1]["m"] == "first line\n"
    assert set(raw["size"]) == {"cols", "rows"}
    async with await served.connect("me") as socket:
        await socket.receive_json()
        body = {"clientId": "me", "enabled": True}
        assert await served.json("PATCH", "/internal/logs/subscribe", json=body) == (200, None)
        served.run_in_thread(lambda: served.server.logs.write("second\n"))
        message = await socket.receive_json()
        assert (message["type"], message["data"]["entries"][0]["m"]) == ("logs", "second\n")
        await served.json("PATCH", "/internal/logs/subscribe", json={**body, "enabled": False})
        served.run_in_thread(lambda: served.server.logs.write("third\n"))
        served.run_in_thread(lambda: served.server.send_sync("end", {}))
        assert (await socket.receive_json())["type"] == "end"


async def test_log_subscription_of_a_bad_client_is_400(served: Any) -> None:
    status, body = await served.json("PATCH", "/internal/logs/subscribe", json={"enabled": True})
    assert (status, body["error"]["extra_info"]["field"]) == (400, "clientId")


async def test_internal_has_no_alias(served: Any) -> None:
    for path in ("/api/internal/logs", "/api/internal/folder_paths"):
        assert (await served.json("GET", path))[0] == 404


async def test_internal_files_are_newest_first(served: Any) -> None:
    for age, name in ((30, "old.png"), (10, "new.png"), (20, "middle.png"), (0, ".hidden")):
        path = served.base / "output" / name
        path.write_bytes(b"x")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert await served.json("GET", "/internal/files/output") == (200, ["new.png", "middle.png", "old.png"])
    status, body = await served.json("GET", "/internal/files/models")
    assert (status, body["error"]) == (400, "Invalid directory type")
    _, paths = await served.json("GET", "/internal/folder_paths")
    assert paths["checkpoints"] == [str(served.base / "models" / "checkpoints")]


async def test_packs_bring_translations_templates_and_blueprints(serve: Any, data_folders: Path) -> None:
    pack = data_folders / "custom_nodes" / "my pack"
    (pack / "locales" / "en").mkdir(parents=True)
    (pack / "locales" / "en" / "main.json").write_text('{"a": 1, "nodeDefs": {"X": {"y": 1}}}')
    (pack / "locales" / "en" / "nodeDefs.json").write_text('{"X": {"z": 2}}')
    (pack / "locales" / "en" / "commands.json").write_text("{ broken")
    (pack / "example_workflows").mkdir()
    (pack / "example_workflows" / "flow.json").write_text('{"nodes": []}')
    (pack / "subgraphs").mkdir()
    (pack / "subgraphs" / "part.json").write_text('{"id": 1}')
    served = await serve()
    _, i18n = await served.json("GET", "/i18n")
    assert i18n == {"en": {"a": 1, "nodeDefs": {"X": {"y": 1, "z": 2}}}}
    assert await served.json("GET", "/workflow_templates") == (200, {"my pack": ["flow"]})
    assert await served.json("GET", "/api/workflow_templates/my%20pack/flow.json") == (200, {"nodes": []})
    _, listed = await served.json("GET", "/api/global_subgraphs")
    ((key, entry),) = listed.items()
    assert entry == {"source": "custom_node", "name": "part", "info": {"node_pack": "custom_nodes.my pack"}}
    _, whole = await served.json("GET", f"/global_subgraphs/{key}")
    assert whole == {**entry, "data": '{"id": 1}'}
    assert (await served.json("GET", "/global_subgraphs/none"))[0] == 404


async def test_without_packs_these_are_empty(served: Any) -> None:
    for path in ("/i18n", "/workflow_templates", "/global_subgraphs", "/node_replacements"):
        assert await served.json("GET", path) == (200, {}), path


async def test_blueprints_of_the_installation_stand_before_those_of_packs(served: Any) -> None:
    for name in ("blueprints/upscale.json", "custom_nodes/pack/subgraphs/upscale.json"):
        path = served.base / name
        path.parent.mkdir(parents=True)
        path.write_text('{"nodes": []}')
    _, listed = await served.json("GET", "/api/global_subgraphs")
    assert [(entry["source"], entry["info"]["node_pack"]) for entry in listed.values()] == [
        ("templates", "comfyui"),
        ("custom_node", "custom_nodes.pack"),
    ]
    for key in listed:
        assert (await served.json("GET", f"/global_subgraphs/{key}"))[1]["data"] == '{"nodes": []}'
