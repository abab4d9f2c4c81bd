"""Latents in files."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from comfy_extras.core.latent_files import UNVERSIONED_FACTOR, LoadLatent, SaveLatent
from comfy_extras.errors import InputFileError


def _saved(folders, samples, **metadata):
    result = SaveLatent().save({"samples": samples}, "lat/x", **metadata)
    (entry,) = result["ui"]["latents"]
    return folders / "output" / entry["subfolder"] / entry["filename"], entry


def test_a_latent_comes_back_as_it_was_saved(folders):
    samples = torch.randn(2, 4, 3, 5).transpose(2, 3)
    path, entry = _saved(folders, samples)
    assert entry == {"filename": "x_00001_.latent", "subfolder": "lat", "type": "output"}
    shutil.copy(path, folders / "input" / "a.latent")
    assert LoadLatent.INPUT_TYPES()["required"]["latent"] == [["a.latent"]]
    assert torch.equal(LoadLatent().load("a.latent")[0]["samples"], samples)


def test_the_graph_is_in_the_header(folders):
    path, _ = _saved(folders, torch.zeros(1, 4, 2, 2), prompt={"1": "é"}, extra_pnginfo={"workflow": [1]})
    with safe_open(path, framework="pt") as file:
        assert sorted(file.keys()) == ["latent_format_version_0", "latent_tensor"]
        assert {key: json.loads(text) for key, text in file.metadata().items()} == {
            "prompt": {"1": "é"},
            "workflow": [1],
        }


def test_a_file_of_the_first_days_is_rescaled(folders):
    samples = torch.randn(1, 4, 2, 2)
    save_file({"latent_tensor": samples}, folders / "input" / "old.latent")
    loaded = LoadLatent().load("old.latent")[0]["samples"]
    torch.testing.assert_close(loaded, samples * UNVERSIONED_FACTOR)


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\xff" * 64])
def test_a_file_that_is_no_latent_is_named(folders, content):
    (folders / "input" / "a.latent").write_bytes(content)
    with pytest.raises(InputFileError) as caught:
        LoadLatent().load("a.latent")
    assert (caught.value.input_name, caught.value.value) == ("latent", "a.latent")


def test_a_safetensors_file_without_a_latent_is_named(folders):
    save_file({"x": torch.zeros(1)}, folders / "input" / "a.latent")
    with pytest.raises(InputFileError, match="latent_tensor"):
        LoadLatent().load("a.latent")


@pytest.mark.parametrize("name", ["missing.latent", "../a.latent"])
def test_a_name_that_is_no_file_of_the_folder_fails_validation(folders, name):
    (folders / "a.latent").write_bytes(b"")
    assert LoadLatent.VALIDATE_INPUTS(name) == f"Invalid latent file: {name}"


def test_a_prefix_that_leaves_the_output_folder_is_refused(folders):
    assert SaveLatent.VALIDATE_INPUTS(filename_prefix="../x") is not True
    with pytest.raises(InputFileError) as caught:
        SaveLatent().save({"samples": torch.zeros(1, 4, 2, 2)}, "../x")
    assert caught.value.input_name == "filename_prefix"


def test_the_fingerprint_follows_the_content(folders):
    path = folders / "input" / "a.latent"
    save_file({"latent_tensor": torch.zeros(1)}, path)
    first = LoadLatent.IS_CHANGED("a.latent")
    save_file({"latent_tensor": torch.ones(1)}, path)
    assert LoadLatent.IS_CHANGED("a.latent") != first
