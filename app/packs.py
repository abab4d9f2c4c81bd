"""What node packs bring besides nodes: example workflows, translations, subgraph blueprints.

Packs are the folders below the given roots (`custom_nodes`). Broken files are skipped and logged.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

EXAMPLE_FOLDERS = ("example_workflows", "example", "examples", "workflow", "workflows")
_LOCALE_PARTS = ("nodeDefs", "commands", "settings")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A subgraph file of a pack, or of this installation (`source` "templates")."""

    id: str
    name: str
    pack: str
    path: Path
    source: str = "custom_node"

    def to_entry(self) -> dict[str, Any]:
        """The list form of GET /global_subgraphs."""
        return {"source": self.source, "name": self.name, "info": {"node_pack": self.pack}}


def pack_folders(roots: Iterable[str]) -> Iterator[Path]:
    """Every pack folder, in the order of the roots, sorted within each."""
    for root in roots:
        folder = Path(root)
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if path.is_dir() and path.name != "__pycache__" and not path.name.endswith(".disabled"):
                yield path


def example_workflows(roots: Iterable[str]) -> dict[str, list[str]]:
    """Pack name -> names of its example workflows, without `.json`."""
    found: dict[str, list[str]] = {}
    for pack in pack_folders(roots):
        names = [
            path.stem
            for folder in EXAMPLE_FOLDERS
            for path in sorted((pack / folder).glob("*.json"))
            if path.is_file()
        ]
        if names:
            found[pack.name] = names
    return found


def example_folders(roots: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """(pack name, folder) of every folder of example workflows."""
    for pack in pack_folders(roots):
        for name in EXAMPLE_FOLDERS:
            if (pack / name).is_dir():
                yield pack.name, pack / name


def translations(roots: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Language -> merged translations of all packs; later packs win, key by key."""
    merged: dict[str, dict[str, Any]] = {}
    for pack in pack_folders(roots):
        for folder in sorted((pack / "locales").glob("*")):
            if not folder.is_dir():
                continue
            language = merged.setdefault(folder.name, {})
            _merge(language, _read_object(folder / "main.json"))
            for part in _LOCALE_PARTS:
                content = _read_object(folder / f"{part}.json")
                if content:
                    _merge(language, {part: content})
    return merged


def blueprints(roots: Iterable[str], own: Path | None = None) -> list[Blueprint]:
    """The subgraph blueprints of the folder `own`, then of all packs."""
    found = [
        Blueprint(
            hashlib.sha256(f"templates{path}".encode()).hexdigest(), path.stem, "comfyui", path, "templates"
        )
        for path in sorted(own.glob("*.json") if own is not None else ())
    ]
    for pack in pack_folders(roots):
        for path in sorted((pack / "subgraphs").glob("*.json")):
            key = hashlib.sha256(f"custom_node{path}".encode()).hexdigest()
            found.append(Blueprint(key, path.stem, f"custom_nodes.{pack.name}", path))
    return found


def _read_object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s is left out: %s", path, error)
        return {}
    return found if isinstance(found, dict) else {}


def _merge(into: dict[str, Any], extra: dict[str, Any]) -> None:
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
