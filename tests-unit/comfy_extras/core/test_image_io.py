"""Reading pictures from the input folder and writing them to output and temp."""

from __future__ import annotations

import json
import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from comfy_api.media import saving
from comfy_extras.core.image_io import LoadImage, LoadImageMask, LoadImageOutput, PreviewImage, SaveImage
from comfy_extras.errors import InputFileError

PROMPT = {"1": {"class_type": "KSampler", "inputs": {"text": "é 猫"}}}


def _files(folder):
    return sorted(name for _, _, names in os.walk(folder) for name in names)


def _text_chunks(path):
    with Image.open(path) as picture:
        return dict(picture.text)


def test_saving_writes_one_png_per_image_and_tells_clients_their_names(folders):
    images = torch.rand(3, 8, 16, 3)
    result = SaveImage().save_images(images, "sub/pic_%width%x%height%")
    assert result["ui"]["images"] == [
        {"filename": f"pic_16x8_{i:05}_.png", "subfolder": "sub", "type": "output"} for i in (1, 2, 3)
    ]
    with Image.open(folders / "output" / "sub" / "pic_16x8_00002_.png") as picture:
        read = np.asarray(picture, dtype=np.float32) / 255
    assert np.abs(read - images[1].numpy()).max() <= 1 / 255


def test_saved_files_hold_the_graph_as_json_in_text_chunks(folders):
    extra = {"workflow": {"nodes": [1, 2]}, "note": "ü"}
    SaveImage().save_images(torch.zeros(1, 4, 4, 3), "pic", PROMPT, extra)
    text = _text_chunks(folders / "output" / "pic_00001_.png")
    assert list(text) == ["prompt", "workflow", "note"]
    assert json.loads(text["prompt"]) == PROMPT and "\\u00e9" in text["prompt"]
    assert json.loads(text["workflow"]) == extra["workflow"]


def test_metadata_can_be_switched_off_for_the_whole_server(folders):
    saving.set_metadata_enabled(False)
    try:
        SaveImage().save_images(torch.zeros(1, 4, 4, 3), "pic", PROMPT, {"workflow": {}})
    finally:
        saving.set_metadata_enabled(True)
    assert _text_chunks(folders / "output" / "pic_00001_.png") == {}


def test_counting_goes_on_after_the_highest_file_of_the_prefix(folders):
    (folders / "output" / "pic_00041_.png").write_bytes(b"x")
    (folders / "output" / "other_00099_.png").write_bytes(b"x")
    result = SaveImage().save_images(torch.zeros(2, 4, 4, 3), "pic")
    assert [entry["filename"] for entry in result["ui"]["images"]] == ["pic_00042_.png", "pic_00043_.png"]
    assert (folders / "output" / "pic_00041_.png").read_bytes() == b"x"


def test_the_place_in_the_batch_can_stand_in_the_name(folders):
    result = SaveImage().save_images(torch.zeros(2, 4, 4, 3), "pic_%batch_num%")
    assert [entry["filename"] for entry in result["ui"]["images"]] == ["pic_0_00001_.png", "pic_1_00002_.png"]


@pytest.mark.parametrize("prefix", ["../out", "/tmp/out", "a/../../out", "a\\..\\..\\out", "a\0b/c"])
def test_a_prefix_that_leaves_the_output_folder_is_refused_before_and_during_the_run(folders, prefix):
    message = SaveImage.VALIDATE_INPUTS(filename_prefix=prefix)
    assert isinstance(message, str) and "output folder" in message
    before = _files(folders)
    with pytest.raises(InputFileError) as caught:
        SaveImage().save_images(torch.zeros(1, 4, 4, 3), prefix)
    assert caught.value.input_name == "filename_prefix"
    assert _files(folders) == before


@pytest.mark.parametrize("prefix", ["ComfyUI", "deep/er/pic", "%year%-%month%/x", "a..b", None])
def test_a_usual_prefix_passes(folders, prefix):
    assert SaveImage.VALIDATE_INPUTS(filename_prefix=prefix) is True


def test_an_image_that_cannot_be_saved_leaves_no_file_behind(folders):
    with pytest.raises(ValueError, match="shape"):
        SaveImage().save_images(torch.zeros(1, 4, 4, 7), "pic")
    assert _files(folders / "output") == []


def test_previews_go_to_the_temp_folder_under_a_name_of_their_own(folders):
    first, second = PreviewImage(), PreviewImage()
    images = torch.zeros(1, 4, 4, 3)
    (entry,) = first.save_images(images)["ui"]["images"]
    assert entry["type"] == "temp" and entry["filename"].startswith("ComfyUI_temp_")
    assert (folders / "temp" / entry["filename"]).is_file()
    (again,) = first.save_images(images)["ui"]["images"]
    assert again["filename"] == entry["filename"].replace("00001", "00002")
    assert second.prefix_append != first.prefix_append


def test_a_picture_comes_back_as_it_was_saved_with_an_empty_mask(folders):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folders / "input" / "a.png")
    image, mask = LoadImage().load_image("a.png")
    torch.testing.assert_close(image, torch.from_numpy(pixels).float()[None] / 255)
    assert mask.shape == (1, 64, 64) and mask.sum() == 0


def test_lists_hold_the_pictures_of_the_input_folder_only(folders):
    for name in ("b.png", "a.webp", "note.txt", "x.latent"):
        (folders / "input" / name).write_bytes(b"")
    (folders / "input" / "sub").mkdir()
    (folders / "input" / "sub" / "c.png").write_bytes(b"")
    assert LoadImage.INPUT_TYPES()["required"]["image"] == (["a.webp", "b.png"], {"image_upload": True})
    assert LoadImageMask.INPUT_TYPES()["required"]["image"][0] == ["a.webp", "b.png"]


@pytest.mark.parametrize(
    "name", ["missing.png", "../outside.png", "/etc/hostname", "a\0.png", "outside.png [temp]"]
)
def test_a_name_that_is_no_file_of_the_folder_fails_validation_with_the_recorded_text(folders, name):
    Image.new("RGB", (2, 2)).save(folders / "outside.png")
    assert LoadImage.VALIDATE_INPUTS(name) == f"Invalid image file: {name}"
    assert LoadImageMask.VALIDATE_INPUTS(name) == f"Invalid image file: {name}"


def test_a_name_that_leaves_the_folder_is_refused_when_the_node_runs(folders):
    with pytest.raises(InputFileError) as caught:
        LoadImage().load_image("../outside.png")
    assert caught.value.input_name == "image"


def test_a_file_that_is_no_picture_is_named(folders):
    (folders / "input" / "a.png").write_bytes(b"not a picture")
    for load in (LoadImage().load_image, lambda name: LoadImageMask().load_image(name, "red")):
        with pytest.raises(InputFileError, match=r"a\.png"):
            load("a.png")


def test_files_of_other_folders_are_named_by_annotation(folders):
    Image.new("RGB", (3, 2), (255, 0, 0)).save(folders / "output" / "a.png")
    assert LoadImage.VALIDATE_INPUTS("a.png [output]") is True
    image, _ = LoadImageOutput().load_image("a.png [output]")
    assert image.shape == (1, 2, 3, 3) and image[0, 0, 0].tolist() == [1, 0, 0]


def test_a_changed_file_changes_the_fingerprint(folders):
    path = folders / "input" / "a.png"
    Image.new("RGB", (2, 2)).save(path)
    first = LoadImage.IS_CHANGED("a.png")
    assert first == LoadImage.IS_CHANGED("a.png") == LoadImageMask.IS_CHANGED("a.png", "red")
    Image.new("RGB", (2, 2), (1, 2, 3)).save(path)
    assert LoadImage.IS_CHANGED("a.png") != first


@pytest.mark.parametrize(
    ("channel", "level"), [("red", 1.0), ("green", 128 / 255), ("blue", 0.0), ("alpha", 1 - 64 / 255)]
)
def test_a_channel_becomes_a_mask_and_alpha_is_inverted(folders, channel, level):
    Image.new("RGBA", (4, 3), (255, 128, 0, 64)).save(folders / "input" / "a.png")
    (mask,) = LoadImageMask().load_image("a.png", channel)
    assert mask.shape == (1, 3, 4)
    torch.testing.assert_close(mask, torch.full((1, 3, 4), level))


def test_a_picture_without_alpha_has_an_empty_alpha_mask_of_its_size(folders):
    Image.new("RGB", (4, 3)).save(folders / "input" / "a.png")
    assert torch.equal(LoadImageMask().load_image("a.png", "alpha")[0], torch.zeros(1, 3, 4))


def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_name(folders):
    bomb = Image.new("1", (1, 1))
    bomb.save(folders / "input" / "bomb.png")
    content = bytearray((folders / "input" / "bomb.png").read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (folders / "input" / "bomb.png").write_bytes(content)
    with pytest.raises(InputFileError, match="bomb"):
        LoadImage().load_image("bomb.png")
