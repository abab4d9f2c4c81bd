"""What nodes show is really written, under the names that clients get."""

from __future__ import annotations

import json
import re

import pytest
import torch
from PIL import Image

import folder_paths
from comfy_api.latest import io, ui
from comfy_api.media import saving


@pytest.fixture(autouse=True)
def folders(tmp_path):
    before = (folder_paths.get_output_directory(), folder_paths.get_temp_directory())
    folder_paths.set_output_directory(str(tmp_path / "output"))
    folder_paths.set_temp_directory(str(tmp_path / "temp"))
    yield tmp_path
    folder_paths.set_output_directory(before[0])
    folder_paths.set_temp_directory(before[1])
    saving.set_metadata_enabled(True)


class Shows(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Shows", is_output_node=True)


def running(**hidden):
    return Shows.PREPARE_CLASS_CLONE({"prompt": {"1": {}}, "extra_pnginfo": {"workflow": {"n": 1}}} | hidden)


def test_a_preview_goes_to_temp_under_a_random_name_with_its_graph(folders):
    shown = ui.PreviewImage(torch.rand(2, 8, 4, 3), cls=running()).as_dict()
    assert shown["animated"] == (False,)
    first, second = json.loads(json.dumps(shown["images"]))
    assert re.fullmatch(r"ComfyUI_temp_[a-z]{5}_00001_\.png", first["filename"])
    assert second["filename"] == first["filename"].replace("00001", "00002")
    assert (first["type"], first["subfolder"]) == ("temp", "")
    with Image.open(folders / "temp" / first["filename"]) as picture:
        assert picture.size == (4, 8)
        assert picture.text == {"prompt": '{"1": {}}', "workflow": '{"n": 1}'}


def test_a_mask_becomes_a_grey_picture(folders):
    shown = ui.PreviewMask(torch.full((8, 4), 0.5), cls=None).as_dict()
    with Image.open(folders / "temp" / shown["images"][0]["filename"]) as picture:
        assert picture.mode == "RGB" and picture.getpixel((0, 0)) == (127, 127, 127) and picture.text == {}


def test_saved_pictures_count_on_and_take_the_folder_of_the_prefix(folders):
    image = torch.zeros(1, 8, 4, 3)
    prefix = "sub/%width%x%height%_%batch_num%"
    names = []
    for _ in range(2):
        saved = ui.ImageSaveHelper.get_save_images_ui(image, prefix, cls=running())
        names.append(saved.as_dict()["images"][0])
    assert [name["filename"] for name in names] == ["4x8_0_00001_.png", "4x8_0_00002_.png"]
    assert {(name["subfolder"], name["type"]) for name in names} == {("sub", "output")}
    assert len(list((folders / "output" / "sub").iterdir())) == 2


def test_metadata_can_be_switched_off(folders):
    saving.set_metadata_enabled(False)
    saved = ui.ImageSaveHelper.save_images(torch.zeros(1, 4, 4, 3), "a", io.FolderType.output, running())
    with Image.open(folders / "output" / saved[0].filename) as picture:
        assert picture.text == {}


def test_animations_say_that_they_move(folders):
    images = torch.rand(3, 8, 8, 3)
    png = ui.ImageSaveHelper.get_save_animated_png_ui(images, "a", running(), 8.0, 4)
    webp = ui.ImageSaveHelper.get_save_animated_webp_ui(images, "b", running(), 8.0, True, 80, 4)
    for saved, name in ((png, "a_00001_.png"), (webp, "b_00001_.webp")):
        assert saved.as_dict()["images"][0]["filename"] == name and saved.as_dict()["animated"] == (True,)
        with Image.open(folders / "output" / name) as picture:
            assert picture.n_frames == 3


def test_a_prefix_cannot_leave_its_folder(folders):
    with pytest.raises(folder_paths.PathEscapeError):
        ui.ImageSaveHelper.save_images(torch.zeros(1, 4, 4, 3), "../out", io.FolderType.output, None)
    assert not (folders / "out_00001_.png").exists()


def test_a_writer_that_fails_leaves_no_file(folders):
    def fail(_):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        saving.save_counted("a", "output", [fail], ".png")
    assert list((folders / "output").iterdir()) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (ui.PreviewText("t"), {"text": ("t",)}),
        (ui.PreviewUI3D("m.glb", {"p": 1}), {"result": ["m.glb", {"p": 1}]}),
        (ui.PreviewVideo([ui.SavedResult("v.mp4", "s", io.FolderType.output)]),
         {"images": [{"filename": "v.mp4", "subfolder": "s", "type": "output"}], "animated": (True,)}),
        (ui.SavedAudios([ui.SavedResult("a.flac", "", "temp")]),
         {"audio": [{"filename": "a.flac", "subfolder": "", "type": "temp"}]}),
        (ui.SavedImages([]), {"images": []}),
    ],
)  # fmt: skip
def test_the_other_entries_have_their_recorded_keys(value, shown):
    assert value.as_dict() == shown
    assert io.NodeOutput(ui=value).ui_dict() == shown
