"""Model routes: names, metadata, browser entries and previews."""

from __future__ import annotations

import base64
import json
import os
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def safetensors(metadata: dict[str, str] | None, pad: int = 0) -> bytes:
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    text = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text


@pytest.fixture
def models(data_folders: Path) -> Path:
    folder = data_folders / "models" / "checkpoints"
    (folder / "sub").mkdir()
    (folder / "a.safetensors").write_bytes(safetensors({"modelspec.title": "A"}))
    (folder / "sub" / "b.safetensors").write_bytes(safetensors(None))
    (folder / "note.txt").write_text("no model")
    (folder / ".hidden.safetensors").write_bytes(b"")
    (data_folders / "models" / "embeddings" / "style.pt").write_bytes(b"x")
    return folder


async def test_names(served: Any, models: Path) -> None:
    assert (await served.json("GET", "/models"))[1][:4] == ["checkpoints", "configs", "loras", "vae"]
    status, names = await served.json("GET", "/api/models/checkpoints")
    assert (status, [name for name in names if "hidden" not in name]) == (
        200,
        ["a.safetensors", "sub/b.safetensors"],
    )
    assert await served.json("GET", "/embeddings") == (200, ["style"])


@pytest.mark.parametrize("folder", ["nothing", "unet", "clip", "..%2F.."])
async def test_unknown_folders_are_404(served: Any, models: Path, folder: str) -> None:
    for path in (f"/models/{folder}", f"/experiment/models/{folder}"):
        status, body = await served.json("GET", path)
        assert (status, body["error"]["extra_info"]["field"]) == (404, "folder")


async def test_metadata_of_a_file(served: Any, models: Path) -> None:
    path = "/view_metadata/checkpoints?filename="
    assert await served.json("GET", path + "a.safetensors") == (200, {"modelspec.title": "A"})
    (models / "big.safetensors").write_bytes(safetensors({"x": "y"}, pad=1024 * 1024 + 1))
    (models / "short.safetensors").write_bytes(b"\x01")
    (models / "lies.safetensors").write_bytes(struct.pack("<Q", 500) + b"{}")
    (models / "text.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]")
    bad = ["sub/b", "big", "short", "lies", "text", "none", "../../../etc/passwd"]
    for name in [*(f"{stem}.safetensors" for stem in bad), "note.txt", ""]:
        assert (await served.json("GET", path + name))[0] == 404, name
    assert (await served.json("GET", "/view_metadata/nothing?filename=a.safetensors"))[0] == 404


async def test_browser_lists_folders_and_files(served: Any, models: Path) -> None:
    _, folders = await served.json("GET", "/experiment/models")
    names = [entry["name"] for entry in folders]
    assert "checkpoints" in names
    assert "configs" not in names
    assert "custom_nodes" not in names
    assert next(e for e in folders if e["name"] == "checkpoints")["folders"] == [str(models)]
    _, files = await served.json("GET", "/experiment/models/checkpoints")
    assert [(entry["name"], entry["pathIndex"]) for entry in files] == [
        ("a.safetensors", 0),
        ("sub/b.safetensors", 0),
    ]
    assert files[0]["size"] == (models / "a.safetensors").stat().st_size


async def test_previews_from_beside_the_file_and_from_inside(served: Any, models: Path) -> None:
    path = "/experiment/models/preview/checkpoints/0/"
    assert (await served.json("GET", path + "a.safetensors"))[0] == 404
    Image.new("RGB", (2, 3)).save(models / "a.preview.png")
    out = BytesIO()
    Image.new("RGB", (5, 6)).save(out, "PNG")
    cover = json.dumps([base64.b64encode(out.getvalue()).decode()])
    (models / "sub" / "c.safetensors").write_bytes(safetensors({"ssmd_cover_images": cover}))
    for name, size in (("a.safetensors", (2, 3)), ("sub/c.safetensors", (5, 6))):
        async with served.http.get(served.url + path + name) as response:
            assert response.headers["Content-Type"] == "image/webp"
            assert Image.open(BytesIO(await response.read())).size == size


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nothing/0/a", 404),
        ("checkpoints/9/a", 400),
        ("checkpoints/-1/a", 400),
        ("checkpoints/x/a", 400),
        ("checkpoints/0/..%2F..%2Fa", 403),
        ("checkpoints/0/%2Fetc%2Fpasswd", 403),
        ("checkpoints/0/bad.safetensors", 404),
    ],
)
async def test_previews_that_cannot_be(served: Any, models: Path, path: str, status: int) -> None:
    (models / "bad.safetensors").write_bytes(safetensors({"ssmd_cover_images": "[5]"}))
    assert (await served.json("GET", f"/experiment/models/preview/{path}"))[0] == status


async def test_a_preview_that_links_outside_is_not_shown(served: Any, models: Path, tmp_path: Path) -> None:
    Image.new("RGB", (2, 3)).save(tmp_path / "outside.png")
    os.symlink(tmp_path / "outside.png", models / "a.png")
    assert (await served.json("GET", "/experiment/models/preview/checkpoints/0/a.safetensors"))[0] == 404
