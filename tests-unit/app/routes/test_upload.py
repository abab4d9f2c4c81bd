"""POST /upload/image and /upload/mask through multipart forms."""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def form(name: str = "a.png", content: bytes = b"one", **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False)
    data.add_field("image", content, filename=name)
    for key, value in fields.items():
        data.add_field(key, value)
    return data


async def upload(served: Any, data: aiohttp.FormData, path: str = "/upload/image") -> tuple[int, Any]:
    return await served.json("POST", path, data=data)


async def test_same_content_keeps_the_name_other_content_gets_a_number(served: Any) -> None:
    names = [
        (await upload(served, form(content=content)))[1]["name"]
        for content in (b"one", b"one", b"two", b"two", b"three")
    ]
    assert names == ["a.png", "a.png", "a (1).png", "a (1).png", "a (2).png"]
    folder = served.base / "input"
    assert sorted(path.name for path in folder.iterdir()) == ["a (1).png", "a (2).png", "a.png"]
    assert (folder / "a.png").read_bytes() == b"one"


@pytest.mark.parametrize("yes", ["true", "1"])
async def test_overwrite_replaces(served: Any, yes: str) -> None:
    await upload(served, form())
    assert await upload(served, form(content=b"two", overwrite=yes)) == (
        200,
        {"name": "a.png", "subfolder": "", "type": "input"},
    )
    assert (served.base / "input" / "a.png").read_bytes() == b"two"


async def test_type_and_subfolder_choose_the_place_and_it_can_be_viewed(served: Any) -> None:
    status, body = await upload(served, form(type="temp", subfolder="x/y"))
    assert (status, body) == (200, {"name": "a.png", "subfolder": "x/y", "type": "temp"})
    async with served.http.get(f"{served.url}/view?filename=a.png&subfolder=x/y&type=temp") as response:
        assert await response.read() == b"one"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (form(type="models"), "type"),
        (form(subfolder=".."), "subfolder"),
        (form(subfolder="/etc"), "subfolder"),
        (form(subfolder="a/../../b"), "subfolder"),
        (form(name="../b.png"), "image"),
        (form(name="a/b.png"), "image"),
        (form(name=".."), "image"),
        (form(name="x" * 300), "image"),
    ],
)
async def test_what_cannot_be_stored_is_400_and_named(
    served: Any, data: aiohttp.FormData, field: str
) -> None:
    before = sorted(os.listdir(served.base))
    status, body = await upload(served, data)
    assert (status, body["error"]["extra_info"]["field"]) == (400, field)
    assert sorted(os.listdir(served.base)) == before
    assert os.listdir(served.base / "input") == []


async def test_a_subfolder_that_is_a_link_to_outside_is_refused(served: Any, tmp_path: Path) -> None:
    os.symlink("/tmp", served.base / "input" / "out")
    status, body = await upload(served, form(subfolder="out"))
    assert (status, body["error"]["extra_info"]["field"]) == (400, "subfolder")


async def test_a_subfolder_that_is_a_file_is_refused(served: Any) -> None:
    await upload(served, form(name="plain"))
    status, body = await upload(served, form(subfolder="plain"))
    assert (status, body["error"]["extra_info"]["field"]) == (400, "subfolder")


async def test_without_a_file_or_without_a_form_it_is_400(served: Any) -> None:
    plain = aiohttp.FormData({"image": "text"})
    assert (await upload(served, plain))[0] == 400
    status, body = await served.json(
        "POST", "/upload/image", data=b"x", headers={"Content-Type": "text/plain"}
    )
    assert (status, body["error"]["extra_info"]["field"]) == (400, "image")
    broken = {"Content-Type": "multipart/form-data; boundary=zzz"}
    status, _ = await served.json("POST", "/upload/image", data=b"no boundary here", headers=broken)
    assert status == 400
    status, _ = await served.json(
        "POST", "/upload/image", data=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    assert status == 400


async def test_too_large_uploads_are_413_and_leave_nothing(serve: Any) -> None:
    served = await serve(max_upload_mb=0.1)
    status, _ = await upload(served, form(content=b"x" * 200_000))
    assert status == 413
    assert os.listdir(served.base / "input") == []


def png(mode: str, color: Any, **text: str) -> bytes:
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    out = BytesIO()
    Image.new(mode, (4, 4), color).save(out, "PNG", pnginfo=info)
    return out.getvalue()


async def test_mask_puts_alpha_on_the_original_and_keeps_its_text(served: Any) -> None:
    (served.base / "output" / "o.png").write_bytes(png("RGB", (9, 8, 7), prompt='{"1": 2}'))
    reference = json.dumps({"filename": "o.png"})
    mask = png("RGBA", (0, 0, 0, 77))
    status, body = await upload(served, form("m.png", mask, original_ref=reference), "/upload/mask")
    assert (status, body["name"]) == (200, "m.png")
    made = Image.open(served.base / "input" / "m.png")
    assert made.getpixel((0, 0)) == (9, 8, 7, 77)
    assert made.info["prompt"] == '{"1": 2}'


async def test_mask_of_a_missing_original_saves_nothing_and_answers(served: Any) -> None:
    reference = json.dumps({"filename": "none.png", "type": "input"})
    status, _ = await upload(
        served, form("m.png", png("RGBA", (0, 0, 0, 1)), original_ref=reference), "/upload/mask"
    )
    assert status == 200
    assert os.listdir(served.base / "input") == []


@pytest.mark.parametrize(
    "reference", ["", "{", "5", "{}", '{"filename": "../secret.txt"}', '{"filename": "a", "type": "x"}']
)
async def test_mask_with_a_bad_reference_is_400(served: Any, reference: str) -> None:
    status, body = await upload(served, form(original_ref=reference), "/upload/mask")
    assert (status, body["error"]["extra_info"]["field"]) == (400, "original_ref")


async def test_mask_that_is_no_picture_is_400(served: Any) -> None:
    (served.base / "output" / "o.png").write_bytes(png("RGB", (9, 8, 7)))
    status, body = await upload(served, form(original_ref='{"filename": "o.png"}'), "/upload/mask")
    assert (status, body["error"]["extra_info"]["field"]) == (400, "image")
