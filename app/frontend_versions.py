"""--front-end-version owner/repo@X: the PyPI package of the web page in version X, in a folder of its own.

Releases of the page are on PyPI as comfyui-frontend-package. One that is asked for is installed once, without
dependencies, beside the installed one, which stays as it is. What cannot be had is said, and the installed page
is served.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from app.system import FRONTEND_PACKAGE, installed_version

logger = logging.getLogger(__name__)

PAGE_REPOSITORIES = ("comfy-org/comfyui_frontend", "comfyanonymous/comfyui")
"""In lower case. The second one stands for the first in the flag's default."""

_FORM = re.compile(r"^([\w.-]+/[\w.-]+)@v?(latest|prerelease|\d+\.\d+\.\d+[\w.-]*)$")
INSTALL_TIMEOUT_S = 300

Install = Callable[[str, Path], None]
"""Puts the files of a requirement below a folder. Raises: FrontEndVersionError."""


class FrontEndVersionError(RuntimeError):
    """The version of the page cannot be had. Fields: `wanted`, `reason`."""

    def __init__(self, wanted: str, reason: str) -> None:
        self.wanted, self.reason = wanted, reason
        super().__init__(f"--front-end-version {wanted}: {reason}")


def pip_install(requirement: str, folder: Path) -> None:
    """Installs with the pip of this Python. Raises: FrontEndVersionError with pip's own last words."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*command, "--target", str(folder), requirement],
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FrontEndVersionError(requirement, f"pip did not finish: {error}") from error
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["no message"]
        raise FrontEndVersionError(requirement, f"pip says: {words[-1]}")


def wanted_front_end(
    wanted: str, folder: Path, *, offline: bool = False, install: Install = pip_install
) -> Path | None:
    """The folder of the page that the flag asks for; None for the installed one, also when there is no other."""
    try:
        version = parse_version(wanted)
        if version is None or version == installed_version(FRONTEND_PACKAGE):
            return None
        return _version_root(version, folder, wanted, None if offline else install)
    except FrontEndVersionError as error:
        logger.error("%s. The installed web page is served instead.", error)  # noqa: TRY400 - the text says it all
        return None


def parse_version(wanted: str) -> str | None:
    """The version in `owner/repo@version`; None for the installed one (`latest`).

    Raises: FrontEndVersionError for another form, another page, or prereleases, which PyPI does not name.
    """
    found = _FORM.match(wanted)
    if found is None:
        raise FrontEndVersionError(
            wanted, "the form is owner/repo@version, such as Comfy-Org/ComfyUI_frontend@1.40.10"
        )
    repository, version = found.groups()
    if repository.lower() not in PAGE_REPOSITORIES:
        raise FrontEndVersionError(
            wanted,
            "only releases of Comfy-Org/ComfyUI_frontend are on PyPI; unpack another page and name its folder with "
            "--front-end-root",
        )
    if version == "prerelease":
        raise FrontEndVersionError(wanted, "prereleases are not on PyPI; name a version")
    return None if version == "latest" else version


def _version_root(version: str, folder: Path, wanted: str, install: Install | None) -> Path:
    root = folder / "Comfy-Org_ComfyUI_frontend" / version
    if (root / "index.html").is_file():
        return root
    if install is None:
        raise FrontEndVersionError(wanted, f"is not in {root}, and --offline forbids to fetch it")
    logger.info("Installing the web page %s into %s", version, root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        install(f"{FRONTEND_PACKAGE}=={version}", Path(scratch))
        page = Path(scratch, FRONTEND_PACKAGE.replace("-", "_"), "static")
        if not (page / "index.html").is_file():
            raise FrontEndVersionError(wanted, "the package holds no index.html")
        shutil.rmtree(root, ignore_errors=True)
        page.replace(root)
    return root
