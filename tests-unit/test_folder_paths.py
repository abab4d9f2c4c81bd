"""The path jail, output files, and the folder functions that packs call."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import folder_paths


@pytest.fixture
def base(tmp_path: Path):
    folder_paths.configure(str(tmp_path))
    yield tmp_path
    folder_paths.configure(os.path.dirname(os.path.realpath(folder_paths.__file__)))


@pytest.mark.parametrize(
    "relative",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "C:\\windows",
        "a\x00b",
        "..",
        "a/b/../../../c",
        "\\\\host\\share",
        "..\\x",
    ],
)
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, relative: str) -> None:
    with pytest.raises(folder_paths.PathEscapeError) as caught:
        folder_paths.jailed_path(tmp_path, relative)
    assert caught.value.path == relative


def test_a_symbolic_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret").write_text("x")
    (inside / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(folder_paths.PathEscapeError):
        folder_paths.jailed_path(inside, "link")


@given(st.text(max_size=40))
def test_whatever_is_accepted_lies_inside(relative: str) -> None:
    root = os.path.realpath("/tmp")
    try:
        path = folder_paths.jailed_path(root, relative)
    except folder_paths.PathEscapeError:
        return
    assert os.path.commonpath((root, path)) == root


def test_a_failed_writer_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), folder_paths.atomic_output(tmp_path, lambda _: "a.png") as out:
        out.temporary.write_bytes(b"half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_taken_name_moves_on_to_the_next_and_keeps_the_first(tmp_path: Path) -> None:
    (tmp_path / "a_0.png").write_bytes(b"old")
    with folder_paths.atomic_output(tmp_path, lambda n: f"a_{n}.png") as out:
        out.temporary.write_bytes(b"new")
    assert out.path == tmp_path / "a_1.png"
    assert (tmp_path / "a_0.png").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a_0.png", "a_1.png"]


def test_the_counter_follows_the_highest_existing_file(base: Path) -> None:
    out = base / "output"
    out.mkdir()
    for name in ("x_00001_.png", "x_00007_.png", "xy_00009_.png"):
        (out / name).touch()
    folder, name, counter, subfolder, prefix = folder_paths.get_save_image_path("x", str(out))
    assert (folder, name, counter, subfolder, prefix) == (str(out), "x", 8, "", "x")


def test_prefix_variables_are_filled_in_and_subfolders_made(base: Path) -> None:
    folder, name, _, subfolder, _ = folder_paths.get_save_image_path(
        "s/%width%x%height%", str(base / "output"), 3, 4
    )
    assert name == "3x4"
    assert subfolder == "s"
    assert os.path.isdir(folder)


def test_a_prefix_that_leaves_the_output_folder_is_refused(base: Path) -> None:
    with pytest.raises(folder_paths.PathEscapeError):
        folder_paths.get_save_image_path("../../x", str(base / "output"))


def test_annotated_names_choose_their_folder(base: Path) -> None:
    assert folder_paths.get_annotated_filepath("a.png [temp]") == str(base / "temp" / "a.png")
    assert folder_paths.get_annotated_filepath("a.png") == str(base / "input" / "a.png")
    assert not folder_paths.exists_annotated_filepath("../a.png")


def test_file_lists_follow_the_folder(base: Path) -> None:
    folder = base / "models" / "loras" / "deep"
    folder.mkdir(parents=True)
    assert folder_paths.get_filename_list("loras") == []
    (folder / "b.safetensors").touch()
    (folder / "note.txt").touch()
    os.utime(folder, (1, 1))
    assert folder_paths.get_filename_list("loras") == ["deep/b.safetensors"]
    assert folder_paths.get_full_path("loras", "deep/b.safetensors") == str(folder / "b.safetensors")
    assert folder_paths.get_full_path("loras", "../../../x") is None
    with pytest.raises(FileNotFoundError):
        folder_paths.get_full_path_or_raise("loras", "none")


def test_configure_keeps_the_dict_that_packs_hold(base: Path) -> None:
    held = folder_paths.folder_names_and_paths
    folder_paths.configure(str(base / "other"))
    assert folder_paths.folder_names_and_paths is held
    assert held["vae"][0] == [str(base / "other" / "models" / "vae")]


def test_legacy_names_lead_to_the_new_ones(base: Path) -> None:
    folder_paths.add_model_folder_path("unet", "/x", is_default=True)
    assert folder_paths.get_folder_paths("diffusion_models")[0] == "/x"


def test_saved_files_go_into_a_folder_of_the_day_when_asked(base: Path) -> None:
    folder_paths.set_date_folders("day-%Y")
    try:
        output = folder_paths.get_output_directory()
        folder, name, _, subfolder, prefix = folder_paths.get_save_image_path("sub/pic", output)
        assert (Path(folder), name) == (Path(output, subfolder), "pic")
        assert re.fullmatch(r"day-\d{4}/sub", subfolder)
        assert prefix.endswith("/sub/pic")
        temp = folder_paths.get_temp_directory()
        assert folder_paths.get_save_image_path("pic", temp)[0] == temp
    finally:
        folder_paths.set_date_folders(None)
    assert folder_paths.get_save_image_path("pic", folder_paths.get_output_directory())[3] == ""
