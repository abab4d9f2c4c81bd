"""Where node packs are on disk, what they are called, and what their files say. No pack code runs here.

Standard library only, so that `prestartup` can use it before torch is imported.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

IGNORED_NAMES = frozenset({"__pycache__"})
DISABLED_SUFFIX = ".disabled"
ENTRY_FILE = "__init__.py"


@dataclass(frozen=True, slots=True)
class PackPath:
    """One pack: a folder with `__init__.py`, or a single `.py` file."""

    path: str
    is_file: bool

    @property
    def name(self) -> str:
        """Folder name, or file name without extension; what clients see after `custom_nodes.`."""
        return module_name_of(self.path)

    @property
    def folder(self) -> str:
        """The pack's folder; for a single file the folder it is in."""
        return os.path.dirname(self.path) if self.is_file else self.path

    @property
    def code(self) -> str:
        """The file that is executed."""
        return self.path if self.is_file else os.path.join(self.path, ENTRY_FILE)

    @property
    def import_name(self) -> str:
        """Name in `sys.modules`: the whole path; dots would read as parent packages."""
        return os.path.splitext(self.path)[0] if self.is_file else self.path.replace(".", "_x_")


def module_name_of(path: str) -> str:
    """`custom_nodes/my_pack` and `custom_nodes/my_pack.py` are both `my_pack`."""
    name = os.path.basename(path)
    return os.path.splitext(name)[0] if os.path.isfile(path) else name


def find_packs(
    roots: Iterable[str], *, disable_all: bool = False, whitelist: Collection[str] = ()
) -> Iterator[PackPath]:
    """Every pack below the roots, by name within each root. `whitelist` names survive `disable_all`.

    Skipped: folders without `__init__.py`, other files, `__pycache__`, names that end in `.disabled`.
    """
    for root in roots:
        real_root = os.path.realpath(root)
        if not os.path.isdir(real_root):
            continue
        for name in sorted(os.listdir(real_root)):
            allowed = not disable_all or name in whitelist or os.path.splitext(name)[0] in whitelist
            found = _pack_at(os.path.join(real_root, name))
            if found is not None and allowed:
                yield found


def _pack_at(path: str) -> PackPath | None:
    name = os.path.basename(path)
    if name in IGNORED_NAMES or name.endswith(DISABLED_SUFFIX):
        return None
    if os.path.isfile(path):
        return PackPath(path, is_file=True) if name.endswith(".py") else None
    return PackPath(path, is_file=False) if os.path.isfile(os.path.join(path, ENTRY_FILE)) else None


def project_web_folder(folder: str) -> tuple[str, str] | None:
    """(project name, web folder) that the pack's pyproject.toml names under [tool.comfy], or None.

    Raises: tomllib.TOMLDecodeError, UnicodeDecodeError for a file that cannot be read.
    """
    path = os.path.join(folder, "pyproject.toml")
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        content = tomllib.load(file)
    web = _text(content, "tool", "comfy", "web")
    name = _text(content, "project", "name")
    if not web or not name:
        return None
    return name, os.path.join(folder, web)


def _text(content: object, *keys: str) -> str:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, str) else ""
