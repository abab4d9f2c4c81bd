"""The pack of docs/node_packs.md loads without a warning and does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import folder_paths
from comfy_api.adapters import describe
from comfy_execution.registry import Registry
from comfy_extras.loading import load_packs

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
async def registry(tmp_path):
    root = tmp_path / "custom_nodes"
    root.mkdir()
    (root / "exposure_pack").symlink_to(EXAMPLES / "exposure_pack")
    registry = Registry(describe)
    (report,) = await load_packs([str(root)], registry)
    assert report.is_loaded and report.warnings == ()
    return registry


def run(registry, class_type, **inputs):
    behaviour = registry.spec(class_type).behaviour
    return behaviour.call(behaviour.make_instance(), inputs, {})


async def test_gain_scales_and_shows_the_result(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "temp"))
    found = run(registry, "ExampleAdjustGain", image=torch.full((1, 4, 4, 3), 0.4), gain=2.0)
    assert torch.allclose(found["result"][0], torch.tensor(0.8))
    assert (tmp_path / "temp" / found["ui"]["images"][0]["filename"]).exists()


async def test_the_mean_takes_as_many_images_as_are_linked(registry):
    images = {f"images.image{i}": torch.full((1, 2, 2, 3), float(i)) for i in range(3)}
    assert torch.equal(run(registry, "ExampleMeanOfImages", **images)["result"][0], torch.ones(1, 2, 2, 3))
    unfolded = registry.spec("ExampleMeanOfImages").inputs_for({"images.image0": ["1", 0]})
    assert {key: entry.required for key, entry in unfolded.items()} == {
        "images.image0": True,
        "images.image1": True,
    }
