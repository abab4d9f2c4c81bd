"""/userdata, /settings and /users."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest


async def store(served: Any, name: str, data: bytes = b"{}", query: str = "") -> tuple[int, Any]:
    return await served.json("POST", f"/api/userdata/{name}{query}", data=data)


async def test_a_workflow_is_saved_read_and_deleted(served: Any) -> None:
    before = int(time.time() * 1000) - 2000
    status, facts = await store(
        served, "workflows%2Fa%20b.json", b'{"x": 1}', "?overwrite=false&full_info=true"
    )
    assert status == 200
    assert (facts["path"], facts["size"]) == ("workflows/a b.json", 8)
    assert isinstance(facts["modified"], int)
    assert facts["modified"] >= before
    async with served.http.get(served.url + "/api/userdata/workflows%2Fa%20b.json") as response:
        assert (response.status, await response.read()) == (200, b'{"x": 1}')
        assert response.headers["Content-Disposition"].startswith("attachment")
    status, body = await store(served, "workflows%2Fa%20b.json", b"new", "?overwrite=false")
    assert (status, body["error"]["message"]) == (409, "File already exists")
    assert await store(served, "workflows%2Fa%20b.json", b"new") == (200, "workflows/a b.json")
    assert await served.json("DELETE", "/api/userdata/workflows%2Fa%20b.json") == (204, None)
    assert (await served.json("DELETE", "/api/userdata/workflows%2Fa%20b.json"))[0] == 404
    assert (await served.json("GET", "/api/userdata/workflows%2Fa%20b.json"))[0] == 404


async def test_listing_in_all_forms(served: Any) -> None:
    for name in ("workflows%2Fb.json", "workflows%2Fsub%2Fa.json", "workflows%2F.index.json"):
        await store(served, name)
    assert await served.json("GET", "/userdata?dir=workflows") == (200, ["b.json"])
    assert await served.json("GET", "/userdata?dir=workflows&recurse=true") == (200, ["b.json", "sub/a.json"])
    _, split = await served.json("GET", "/userdata?dir=workflows&recurse=true&split=true")
    assert split == [["b.json", "b.json"], ["sub/a.json", "sub", "a.json"]]
    _, full = await served.json("GET", "/userdata?dir=workflows&recurse=true&split=false&full_info=true")
    assert [set(entry) for entry in full] == [{"path", "size", "modified", "created"}] * 2
    status, tree = await served.json("GET", "/v2/userdata")
    assert status == 200
    assert [(entry["path"], entry["type"]) for entry in tree] == [
        ("workflows/sub", "directory"),
        ("workflows", "directory"),
        ("workflows/sub/a.json", "file"),
        ("workflows/b.json", "file"),
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/userdata", 400),
        ("/userdata?dir=", 400),
        ("/userdata?dir=none", 404),
        ("/userdata?dir=..", 403),
        ("/userdata?dir=/etc", 403),
        ("/v2/userdata?path=..", 403),
        ("/v2/userdata?path=none", 404),
        ("/userdata/..%2Fusers.json", 403),
        ("/userdata/%2Fetc%2Fpasswd", 403),
        ("/userdata/a%00b", 403),
        ("/userdata/a/b", 404),
        ("/userdata/link%2Fpasswd", 403),
    ],
)
async def test_paths_that_are_not_there_or_leave_the_folder(served: Any, path: str, status: int) -> None:
    (served.base / "user" / "default").mkdir()
    os.symlink("/etc", served.base / "user" / "default" / "link")
    got, body = await served.json("GET", path)
    assert got == status
    assert body["error"]["extra_info"]["field"]


@pytest.mark.parametrize("name", ["..%2Fx", "%2Ftmp%2Fx", "link%2Fx", "a%00", "%20", "x%2F..", "y" * 300])
async def test_writing_outside_or_to_no_file_is_refused(served: Any, name: str) -> None:
    (served.base / "user" / "default").mkdir()
    os.symlink(served.base, served.base / "user" / "default" / "link")
    status, body = await store(served, name)
    assert status in (400, 403)
    assert body["error"]["type"] in ("path_refused", "invalid_path")
    assert not (served.base / "x").exists()


async def test_a_file_in_place_of_a_folder_is_refused(served: Any) -> None:
    await store(served, "plain")
    assert (await store(served, "plain%2Fx"))[0] == 400
    await store(served, "folder%2Fx")
    assert (await store(served, "folder"))[0] == 400


async def test_move(served: Any) -> None:
    await store(served, "a.json", b"a")
    await store(served, "b.json", b"b")
    status, body = await served.json("POST", "/userdata/a.json/move/b.json?overwrite=false")
    assert (status, body["error"]["extra_info"]) == (409, {"field": "dest"})
    assert await served.json("POST", "/userdata/a.json/move/deep%2Fc.json?overwrite=false") == (
        200,
        "deep/c.json",
    )
    status, facts = await served.json("POST", "/userdata/deep%2Fc.json/move/b.json?full_info=true")
    assert (status, facts["path"], facts["size"]) == (200, "b.json", 1)
    assert (await served.json("POST", "/userdata/none/move/x"))[0] == 404
    assert (await served.json("POST", "/userdata/b.json/move/..%2Fx"))[0] == 403


async def test_user_css_is_a_style_and_missing_at_first(served: Any) -> None:
    assert (await served.json("GET", "/api/userdata/user.css"))[0] == 404
    await store(served, "user.css", b"body {}")
    async with served.http.get(served.url + "/api/userdata/user.css") as response:
        assert response.headers["Content-Type"] == "text/css"
        assert "Content-Disposition" not in response.headers


async def test_settings_merge_and_single_values(served: Any) -> None:
    assert await served.json("GET", "/settings") == (200, {})
    assert await served.json("GET", "/settings/A.b") == (200, None)
    assert await served.json("POST", "/settings", json={"A.b": 1, "C": [2]}) == (200, None)
    for value in (False, "x", 50, {"deep": 1}):
        assert await served.json("POST", "/api/settings/A.b", json=value) == (200, None)
        assert await served.json("GET", "/api/settings/A.b") == (200, value)
    assert await served.json("GET", "/settings") == (200, {"A.b": {"deep": 1}, "C": [2]})
    text = (served.base / "user" / "default" / "comfy.settings.json").read_text()
    assert text.startswith('{\n    "A.b"')


async def test_settings_survive_a_broken_file_and_refuse_bad_bodies(served: Any) -> None:
    folder = served.base / "user" / "default"
    folder.mkdir()
    (folder / "comfy.settings.json").write_text("{ broken")
    assert await served.json("GET", "/settings") == (200, {})
    assert (await served.json("POST", "/settings", json=[1]))[0] == 400
    assert (await served.json("POST", "/settings/x", data="{"))[0] == 400


async def test_single_user_mode(served: Any) -> None:
    assert await served.json("GET", "/users") == (200, {"storage": "server", "migrated": False})
    await store(served, "x")
    assert (await served.json("GET", "/users"))[1]["migrated"] is True
    status, _ = await served.json("GET", "/settings", headers={"Comfy-User": "somebody"})
    assert status == 200


async def test_multi_user_mode_keeps_users_apart(serve: Any) -> None:
    served = await serve(multi_user=True)
    assert await served.json("GET", "/users") == (200, {"storage": "server", "users": {}})
    _, ann = await served.json("POST", "/users", json={"username": "Ann b/c"})
    _, bob = await served.json("POST", "/users", json={"username": "Bob"})
    assert ann.startswith("Ann-b-c_")
    assert (await served.json("GET", "/users"))[1]["users"] == {ann: "Ann b/c", bob: "Bob"}
    await served.json("POST", "/settings", json={"who": "ann"}, headers={"Comfy-User": ann})
    assert await served.json("GET", "/settings", headers={"Comfy-User": bob}) == (200, {})
    assert await served.json("GET", "/settings", headers={"Comfy-User": ann}) == (200, {"who": "ann"})
    for headers in ({}, {"Comfy-User": "../x"}, {"Comfy-User": "__system"}):
        status, body = await served.json("GET", "/settings", headers=headers)
        assert (status, body["error"]["extra_info"]["field"]) == (401, "Comfy-User")


@pytest.mark.parametrize("name", ["", "   ", None, 5, "__x", "y" * 100])
async def test_bad_user_names_are_400(served: Any, name: Any) -> None:
    status, body = await served.json("POST", "/users", json={"username": name})
    assert (status, body["field"]) == (400, "username")


async def test_a_taken_user_name_is_the_recorded_error(served: Any) -> None:
    await served.json("POST", "/users", json={"username": "Ann"})
    status, body = await served.json("POST", "/users", json={"username": "Ann"})
    assert (status, body["error"]) == (400, "Duplicate username.")
