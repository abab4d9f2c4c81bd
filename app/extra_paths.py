"""Model and pack folders outside the base folder, named in a YAML file of the operator.

Form: sections of any name; each maps folder types to one path, or several separated by line ends. `base_path` (may hold
`~` and environment variables) goes in front of relative ones; `is_default: true` puts the section's folders first. A
relative base path, or relative paths without one, count from the folder of the YAML file.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import yaml

import folder_paths

NAMES = ("extra_paths.yaml", "extra_model_paths.yaml")
"""Read from the base folder at start, in this order, when they are there."""


class ExtraPathsError(ValueError):
    """An extra-paths file cannot be used. Fields: `path` (the file), `section` (may be empty)."""

    def __init__(self, path: str, section: str, message: str) -> None:
        self.path, self.section = path, section
        where = f"{path}, section {section!r}" if section else path
        super().__init__(f"{where}: {message}")


def load_extra_path_config(yaml_path: str) -> None:
    """Adds every folder of the file to `folder_paths`.

    Raises: ExtraPathsError when the file cannot be read or a section is not a mapping of texts.
    """
    try:
        content = yaml.safe_load(Path(yaml_path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExtraPathsError(yaml_path, "", f"cannot be read as YAML ({error})") from error
    if content is None:
        return
    if not isinstance(content, dict):
        raise ExtraPathsError(yaml_path, "", "must be a mapping of sections")
    for section, entries in content.items():
        if entries is not None:
            _add_section(yaml_path, str(section), entries)


def _add_section(yaml_path: str, section: str, entries: Any) -> None:
    if not isinstance(entries, dict):
        raise ExtraPathsError(yaml_path, section, "must map folder types to paths")
    settings = dict(entries)
    root = os.path.dirname(os.path.abspath(yaml_path))
    base = settings.pop("base_path", None)
    if base is not None:
        root = os.path.join(root, os.path.expandvars(os.path.expanduser(str(base))))
    first = bool(settings.pop("is_default", False))
    for folder_type, value in settings.items():
        if not isinstance(value, str):
            raise ExtraPathsError(yaml_path, section, f"{folder_type!r} must be a path, got {value!r}")
        for line in filter(None, (part.strip() for part in value.split("\n"))):
            path = os.path.normpath(os.path.join(root, line))
            logging.info("Adding extra search path %s %s", folder_type, path)
            folder_paths.add_model_folder_path(str(folder_type), path, first)
