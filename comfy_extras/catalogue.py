"""The process's one registry, and the dicts beside it that packs know through `nodes`.

Identity is contract: packs change these dicts in place. Only doors, `main` and loading use the names here;
everything else is handed a registry.
"""

from __future__ import annotations

from typing import Any

from comfy_api.adapters import describe
from comfy_execution.registry import Registry

REGISTRY = Registry(describe)

NODE_CLASS_MAPPINGS: dict[str, Any] = REGISTRY.classes
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = REGISTRY.display_names

EXTENSION_WEB_DIRS: dict[str, str] = {}
"""Name under /extensions/ -> folder of web files."""
LOADED_MODULE_DIRS: dict[str, str] = {}
"""Pack name -> its folder (for a single file: the folder it is in)."""
