"""Where the web page's files come from: the front end package, templates, docs, extensions of packs and ours.

The packages are data folders of other projects; nothing of them is changed or copied.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

OUR_EXTENSION = "codec"
OUR_EXTENSION_FOLDER = Path(__file__).parent / "web_extension" / OUR_EXTENSION

_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".md": "text/markdown",
}


class FrontendMissingError(RuntimeError):
    """There is no web page to serve. Field: `root`."""

    def __init__(self, root: str) -> None:
        self.root = root
        super().__init__(
            f"no index.html in {root!r}; install it with `pip install -r requirements.txt` "
            "or name a folder with --front-end-root"
        )


@dataclass(frozen=True, slots=True)
class WebRoots:
    """Folders that are served as they are; None where the package is not installed."""

    page: Path
    templates: Path | None
    docs: Path | None


def find_web_roots(front_end_root: Path | None) -> WebRoots:
    """The folders of this installation. Raises: FrontendMissingError when the page has no index.html."""
    page = front_end_root or _package_folder("comfyui_frontend_package", "static") or Path("static")
    if not (page / "index.html").is_file():
        raise FrontendMissingError(str(page))
    return WebRoots(
        page=page,
        templates=_package_folder("comfyui_workflow_templates", "templates"),
        docs=_package_folder("comfyui_embedded_docs", "docs"),
    )


def force_content_types() -> None:
    """Makes file answers carry the types browsers insist on, whatever the system's own table says."""
    for suffix, content_type in _TYPES.items():
        mimetypes.add_type(content_type, suffix)


def extension_scripts(page: Path, packs: Mapping[str, str]) -> list[str]:
    """URL paths of every script the page imports: its own extensions, ours, then those of each pack."""
    found = [f"/extensions/{name}" for name in _scripts_below(page / "extensions")]
    found += [f"/extensions/{OUR_EXTENSION}/{name}" for name in _scripts_below(OUR_EXTENSION_FOLDER)]
    for pack, folder in packs.items():
        found += [f"/extensions/{quote(pack)}/{quote(name)}" for name in _scripts_below(Path(folder))]
    return found


def _scripts_below(folder: Path) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".js"):
                yield Path(root, name).relative_to(folder).as_posix()


def _package_folder(package: str, folder: str) -> Path | None:
    """A data folder of an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / folder
    return path if path.is_dir() else None
