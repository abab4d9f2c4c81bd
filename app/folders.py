"""The data folders at start: from the command line's choices to `folder_paths`, made and emptied as needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

import folder_paths
from app.extra_paths import NAMES, load_extra_path_config


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderChoices:
    """What the operator chose; None leaves a folder where the base folder has it.

    `temp` names the folder that holds the temporary folder, as launchers expect.
    """

    base: str | None = None
    models: str | None = None
    output: str | None = None
    temp: str | None = None
    input: str | None = None
    user: str | None = None
    extra_files: Iterable[str] = ()


def apply_folders(choices: FolderChoices) -> None:
    """Sets every folder, reads the extra-paths files, empties the temporary folder.

    Raises: ExtraPathsError for a file that cannot be used; OSError when a folder cannot be made.
    """
    folder_paths.configure(choices.base, choices.models)
    if choices.output:
        folder_paths.set_output_directory(os.path.abspath(choices.output))
    if choices.temp:
        folder_paths.set_temp_directory(os.path.join(os.path.abspath(choices.temp), "temp"))
    if choices.input:
        folder_paths.set_input_directory(os.path.abspath(choices.input))
    if choices.user:
        folder_paths.set_user_directory(os.path.abspath(choices.user))
    here = (os.path.join(folder_paths.base_path, name) for name in NAMES)
    for path in (*filter(os.path.isfile, here), *choices.extra_files):
        load_extra_path_config(path)
    shutil.rmtree(folder_paths.get_temp_directory(), ignore_errors=True)
    for folder in (
        folder_paths.get_output_directory(),
        folder_paths.get_input_directory(),
        folder_paths.get_temp_directory(),
        folder_paths.get_user_directory(),
    ):
        os.makedirs(folder, exist_ok=True)
