"""GET /view: which file, in which form, and nothing outside its folder."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def files(data_folders: Path) -> Path:
    """A picture with alpha, a subfolder, active content, and a secret outside with a link to it."""
    output = data_folders / "output"
    Image.new("RGBA", (8, 4), (255, 0, 0, 128)).save(output / "a.png")
    (output / "sub").mkdir()
    (output / "sub" / "b.txt").write_text("inside")
    (output / "page.html").write_text("<script>alert(1)</script>")
    (output / "art.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (output / 'ü "q".txt').write_text("odd name")
    (data_folders / "input" / "in.txt").write_text("input")
    (data_folders / "secret.txt").write_text("secret")
    os.symlink(data_folders / "secret.txt", output / "link.txt")
    os.symlink(data_folders, output / "up")
    return data_folders


async def get(served: Any, query: str, **headers: str) -> tuple[int, Any, bytes]:
    async with served.http.get(f"{served.url}/view?{query}", headers=headers) as response:
        return response.status, response.headers, await response.read()


async def test_the_raw_file_with_its_headers(served: Any, files: Path) -> None:
    status, headers, body = await get(served, "filename=a.png&rand=0.5&t=1")
    assert (status, body) == (200, (files / "output" / "a.png").read_bytes())
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Disposition"] == 'filename="a.png"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert {"Etag", "Last-Modified", "Accept-Ranges"} <= {name.title() for name in headers}
    assert "Cache-Control" not in headers


async def test_a_range_of_the_file(served: Any, files: Path) -> None:
    status, headers, body = await get(served, "filename=a.png", Range="bytes=1-3")
    assert (status, body) == (206, b"PNG")
    assert headers["Content-Range"].startswith("bytes 1-3/")


async def test_subfolder_type_and_annotation_choose_the_folder(served: Any, files: Path) -> None:
    assert (await get(served, "filename=b.txt&subfolder=sub"))[2] == b"inside"
    assert (await get(served, "filename=in.txt&type=input"))[2] == b"input"
    assert (await get(served, "filename=in.txt%20[input]&type=output"))[2] == b"input"
    assert (await get(served, "filename=somewhere/b.txt&subfolder=sub"))[2] == b"inside"


@pytest.mark.parametrize(
    ("query", "format_", "mode"),
    [
        ("preview=webp", "WEBP", "RGBA"),
        ("preview=jpeg;50", "JPEG", "RGB"),
        ("preview=gif;x", "WEBP", "RGBA"),
        ("preview=jpeg&channel=rgba", "WEBP", "RGBA"),
        ("channel=rgb", "PNG", "RGB"),
        ("channel=a", "PNG", "RGBA"),
    ],
)
async def test_re_encoded_forms(served: Any, files: Path, query: str, format_: str, mode: str) -> None:
    status, headers, body = await get(served, f"filename=a.png&{query}")
    picture = Image.open(BytesIO(body))
    assert (status, picture.format, picture.mode) == (200, format_, mode)
    assert headers["Content-Type"] == f"image/{format_.lower()}"
    assert "Etag" not in headers
    if query == "channel=a":
        assert picture.getpixel((0, 0)) == (0, 0, 0, 128)


async def test_active_content_is_an_attachment(served: Any, files: Path) -> None:
    for name in ("page.html", "art.svg"):
        _, headers, _ = await get(served, f"filename={name}")
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"].startswith("attachment;")
        assert headers["Cache-Control"] == "no-store"
    _, headers, _ = await get(served, "filename=art.svg", **{"Sec-Fetch-Dest": "image"})
    assert headers["Content-Type"] == "image/svg+xml"
    _, headers, _ = await get(served, "filename=page.html", **{"Sec-Fetch-Dest": "image"})
    assert headers["Content-Type"] == "application/octet-stream"


async def test_odd_names_make_safe_headers(served: Any, files: Path) -> None:
    status, headers, _ = await get(served, "filename=%C3%BC%20%22q%22.txt")
    assert status == 200
    assert headers["Content-Disposition"] == ("filename=\"_ _q_.txt\"; filename*=UTF-8''%C3%BC%20%22q%22.txt")


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 404, "filename"),
        ("filename=none.png", 404, "filename"),
        ("filename=sub", 404, "filename"),
        ("filename=", 400, "filename"),
        ("filename=/etc/passwd", 400, "filename"),
        ("filename=..", 400, "filename"),
        ("filename=../secret.txt", 400, "filename"),
        ("filename=..%2fsecret.txt", 400, "filename"),
        ("filename=..%5csecret.txt", 400, "filename"),
        ("filename=a.png%00", 400, "filename"),
        ("filename=a.png&type=models", 400, "type"),
        ("filename=secret.txt&subfolder=..", 403, "subfolder"),
        ("filename=passwd&subfolder=/etc", 403, "subfolder"),
        ("filename=secret.txt&subfolder=up", 403, "subfolder"),
        ("filename=link.txt", 403, "subfolder"),
        ("filename=secret.txt&subfolder=sub/../..", 403, "subfolder"),
        ("filename=secret.txt&subfolder=%00", 403, "subfolder"),
        ("filename=b.txt&preview=webp&subfolder=sub", 400, "filename"),
        ("filename=b.txt&channel=rgb&subfolder=sub", 400, "filename"),
    ],
)
async def test_what_cannot_be_viewed_says_why(
    served: Any, files: Path, query: str, status: int, field: str
) -> None:
    got, answer = await served.json("GET", f"/view?{query}")
    assert (got, answer["error"]["extra_info"]["field"]) == (status, field)
    assert "secret" not in str(answer["error"]["message"])


async def test_head_answers_like_get(served: Any, files: Path) -> None:
    async with served.http.head(f"{served.url}/view?filename=a.png") as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) == (files / "output" / "a.png").stat().st_size
