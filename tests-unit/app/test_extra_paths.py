"""Folders named in a YAML file of the operator."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import folder_paths
from app.extra_paths import ExtraPathsError, load_extra_path_config


@pytest.fixture(autouse=True)
def base(tmp_path: Path):
    folder_paths.configure(str(tmp_path / "base"))
    yield
    folder_paths.configure(os.path.dirname(os.path.realpath(folder_paths.__file__)))


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "extra.yaml"
    path.write_text(text)
    return str(path)


def test_several_lines_are_several_folders_below_the_base_path(tmp_path: Path) -> None:
    load_extra_path_config(write(tmp_path, "a:\n  base_path: other\n  loras: |\n    one\n    two\n"))
    assert folder_paths.get_folder_paths("loras")[1:] == [
        str(tmp_path / "other/one"),
        str(tmp_path / "other/two"),
    ]


def test_is_default_puts_a_folder_first_and_legacy_names_are_understood(tmp_path: Path) -> None:
    load_extra_path_config(write(tmp_path, "a:\n  is_default: true\n  unet: /models/unet\n"))
    assert folder_paths.get_folder_paths("diffusion_models")[0] == "/models/unet"


def test_an_empty_file_and_an_empty_section_are_fine(tmp_path: Path) -> None:
    load_extra_path_config(write(tmp_path, ""))
    load_extra_path_config(write(tmp_path, "a:\n"))


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("[1, 2]", ""),
        ("a: [1]", "a"),
        ("a:\n  loras: 3\n", "a"),
        ("a: !!python/object:os.system x", ""),
        ("a: {", ""),
    ],
)
def test_what_cannot_be_used_names_file_and_section(tmp_path: Path, text: str, section: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ExtraPathsError) as caught:
        load_extra_path_config(path)
    assert (caught.value.path, caught.value.section) == (path, section)
