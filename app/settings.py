"""A user's settings of the web page: one JSON object in `<user folder>/comfy.settings.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.files import write_whole

FILE_NAME = "comfy.settings.json"


def read_settings(user_root: Path) -> dict[str, Any]:
    """All settings; an absent or unreadable file gives none."""
    try:
        found = json.loads((user_root / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def merge_settings(user_root: Path, changes: dict[str, Any]) -> None:
    """Sets the given keys and keeps the others. Runs on the server's loop only, so no change is lost."""
    merged = {**read_settings(user_root), **changes}
    write_whole(user_root / FILE_NAME, json.dumps(merged, indent=4).encode())
