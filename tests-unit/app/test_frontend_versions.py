"""--front-end-version: which page is served, and what is said when it cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.frontend_versions import FrontEndVersionError, parse_version, wanted_front_end
from app.system import REQUIRED_FRONTEND
from comfy.cli_args import DEFAULT_VERSION_STRING

OTHER = "Comfy-Org/ComfyUI_frontend@1.40.10"


def install(requirement: str, folder: Path) -> None:
    """What pip leaves behind."""
    page = folder / "comfyui_frontend_package" / "static"
    page.mkdir(parents=True)
    (page / "index.html").write_text(requirement)


def refuse(requirement: str, folder: Path) -> None:
    raise FrontEndVersionError(requirement, "pip says: no such version")


def test_the_default_and_the_installed_version_need_no_folder(tmp_path: Path) -> None:
    for wanted in (DEFAULT_VERSION_STRING, f"Comfy-Org/ComfyUI_frontend@{REQUIRED_FRONTEND}"):
        assert wanted_front_end(wanted, tmp_path, install=refuse) is None
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_installed_once_into_a_folder_of_its_own(tmp_path: Path) -> None:
    root = wanted_front_end(OTHER, tmp_path, install=install)
    assert root is not None
    assert (root / "index.html").read_text() == "comfyui-frontend-package==1.40.10"
    assert [path.name for path in root.parent.iterdir()] == ["1.40.10"]
    assert wanted_front_end("Comfy-Org/ComfyUI_frontend@v1.40.10", tmp_path, install=refuse) == root
    assert wanted_front_end(OTHER, tmp_path, install=refuse, offline=True) == root


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (OTHER, "pip says: no such version"),
        ("somebody/other_page@1.0.0", "--front-end-root"),
        ("Comfy-Org/ComfyUI_frontend@prerelease", "name a version"),
        ("1.40.10", "the form is owner/repo@version"),
        ("a/b@1.2.3; rm -rf /", "the form is owner/repo@version"),
    ],
)
def test_what_cannot_be_had_is_said_and_the_installed_page_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wanted: str, words: str
) -> None:
    assert wanted_front_end(wanted, tmp_path, install=refuse) is None
    assert words in caplog.text
    assert wanted in caplog.text or "comfyui-frontend-package==1.40.10" in caplog.text


def test_offline_nothing_is_fetched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert wanted_front_end(OTHER, tmp_path, install=install, offline=True) is None
    assert "--offline forbids" in caplog.text


def test_versions_are_read_with_and_without_v() -> None:
    assert parse_version("Comfy-Org/ComfyUI_frontend@v1.2.3") == "1.2.3"
    assert parse_version("comfyanonymous/ComfyUI@latest") is None
