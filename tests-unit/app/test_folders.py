"""The data folders at start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import folder_paths
from app.folders import FolderChoices, apply_folders


@pytest.fixture(autouse=True)
def restored():
    yield
    folder_paths.configure(os.path.dirname(os.path.realpath(folder_paths.__file__)))


def test_everything_lies_below_the_base_and_is_made(tmp_path: Path) -> None:
    apply_folders(FolderChoices(base=str(tmp_path / "b")))
    assert sorted(os.listdir(tmp_path / "b")) == ["input", "output", "temp", "user"]
    assert folder_paths.get_folder_paths("custom_nodes") == [str(tmp_path / "b" / "custom_nodes")]


def test_single_folders_can_be_elsewhere_and_temp_is_a_folder_inside(tmp_path: Path) -> None:
    apply_folders(FolderChoices(base=str(tmp_path), output=str(tmp_path / "o"), temp=str(tmp_path / "t")))
    assert folder_paths.get_output_directory() == str(tmp_path / "o")
    assert folder_paths.get_temp_directory() == str(tmp_path / "t" / "temp")


def test_only_the_temporary_folder_is_emptied(tmp_path: Path) -> None:
    for name in ("temp", "output"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old.png").touch()
    apply_folders(FolderChoices(base=str(tmp_path)))
    assert os.listdir(tmp_path / "temp") == []
    assert os.listdir(tmp_path / "output") == ["old.png"]


def test_extra_paths_in_the_base_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "extra_model_paths.yaml").write_text("a:\n  base_path: more\n  vae: v\n")
    apply_folders(FolderChoices(base=str(tmp_path)))
    assert str(tmp_path / "more" / "v") in folder_paths.get_folder_paths("vae")
