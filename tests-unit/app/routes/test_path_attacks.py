"""A corpus of paths that try to leave their folder, over every route that touches files.

Whatever comes, the answer is a 4xx with JSON, nothing outside is read or written, and nothing is an error of ours.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yarl

SECRET = "the-secret-outside"

NAMES = [
    "../secret.txt",
    "../../secret.txt",
    "sub/../../secret.txt",
    "./../secret.txt",
    "..//secret.txt",
    ".../secret.txt",
    "....//secret.txt",
    "..\\secret.txt",
    "sub\\..\\..\\secret.txt",
    "..;/secret.txt",
    "/secret.txt",
    "//secret.txt",
    "\\\\host\\share\\secret.txt",
    "C:\\secret.txt",
    "C:secret.txt",
    "file:///secret.txt",
    "~/secret.txt",
    "link/secret.txt",
    "link.txt",
    "sub/link/secret.txt",
    "secret.txt\u0000.png",
    "\u0000",
    "..\u0000/secret.txt",
    "\uff0e\uff0e/secret.txt",
    "..\u2215secret.txt",
    "x" * 300,
    "x/" * 900,
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16") + "../../secret.txt",
    "secret.txt\r\nX-Injected: yes",
    ".",
    "..",
    "",
    " ",
    "{}",
    "%s%n",
    "$(id)",
]


def encodings(name: str) -> list[str]:
    """A name as a URL segment: encoded once, twice, and with dots and slashes spelled out."""
    once = quote(name, safe="")
    overlong = once.replace("%2F", "%c0%af")
    return [once, quote(once, safe=""), once.replace(".", "%2e"), overlong]


READING = [
    "/view?filename={}",
    "/view?filename={}&type=input",
    "/view?filename=secret.txt&subfolder={}",
    "/view?filename={}&preview=webp",
    "/view?filename={}&channel=a",
    "/api/userdata/{}",
    "/userdata?dir={}",
    "/v2/userdata?path={}",
    "/view_metadata/checkpoints?filename={}",
    "/view_metadata/{}?filename=a.safetensors",
    "/models/{}",
    "/experiment/models/{}",
    "/experiment/models/preview/checkpoints/0/{}",
    "/internal/files/{}",
    "/templates/{}",
    "/extensions/codec/{}",
    "/extensions/{}/x.js",
    "/api/workflow_templates/{}/x.json",
    "/assets/{}",
    "/global_subgraphs/{}",
]
WRITING = [
    ("POST", "/api/userdata/{}"),
    ("DELETE", "/api/userdata/{}"),
    ("POST", "/api/userdata/own.txt/move/{}"),
    ("POST", "/api/userdata/{}/move/taken.txt"),
]


@pytest.fixture
def trapped(data_folders: Path) -> Path:
    """Folders with links to outside, one file of the user's own, and a secret beside them."""
    (data_folders / "secret.txt").write_text(SECRET)
    (data_folders / "user" / "default").mkdir()
    (data_folders / "user" / "default" / "own.txt").write_text("mine")
    for folder in ("input", "output", "user/default", "models/checkpoints"):
        root = data_folders / folder
        (root / "sub").mkdir(exist_ok=True)
        os.symlink(data_folders, root / "link")
        os.symlink(data_folders, root / "sub" / "link")
        os.symlink(data_folders / "secret.txt", root / "link.txt")
    return data_folders


def outside(base: Path) -> dict[str, str]:
    """Every file around the user's own folder, with its content, and what lies beside the base folder."""
    found = {str(path): "" for path in base.parent.iterdir()}
    for root, folders, files in os.walk(base):
        if Path(root) == base / "user":
            folders.remove("default")
        found |= {os.path.join(root, name): Path(root, name).read_text() for name in files}
    return found


@pytest.mark.parametrize("route", READING)
async def test_reading_never_leaves_the_folder(trapped: Path, served: Any, route: str) -> None:
    for name in NAMES:
        for segment in encodings(name):
            url = yarl.URL(served.url + route.format(segment), encoded=True)
            async with served.http.get(url) as answer:
                text = await answer.text(errors="replace")
                assert SECRET not in text, (name, segment)
                assert answer.status < 500, (name, segment, text)
                assert "X-Injected" not in answer.headers
                if answer.status >= 400:
                    assert json.loads(text)["error"], (name, segment)


@pytest.mark.parametrize(("method", "route"), WRITING)
async def test_writing_never_leaves_the_folder(trapped: Path, served: Any, method: str, route: str) -> None:
    before = outside(trapped)
    for name in NAMES:
        for segment in encodings(name):
            url = yarl.URL(served.url + route.format(segment), encoded=True)
            async with served.http.request(method, url, data=b"attack") as answer:
                text = await answer.text(errors="replace")
                assert answer.status < 500, (name, segment, text)
                assert outside(trapped) == before, (name, segment)
            (trapped / "user" / "default" / "own.txt").write_text("mine")


async def test_the_corpus_is_large_enough() -> None:
    assert len(NAMES) * len(encodings("x")) * (len(READING) + len(WRITING)) >= 300
