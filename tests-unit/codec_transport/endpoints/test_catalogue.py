"""Which model answers, and what its file says: headers of real safetensors files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from codec_transport.endpoints.catalogue import (
    DEMO_CHECKPOINT,
    ModelCatalogue,
    facts_of,
    facts_of_workflow,
)
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.workflows import Workflow
from codec_transport.spaces.registry import SpaceRegistry

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "models/checkpoints" / DEMO_CHECKPOINT
SPACES = SpaceRegistry()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    return tmp_path


def catalogue(folder: Path, initial: str | None = None) -> ModelCatalogue:
    def names() -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))

    return ModelCatalogue(names, lambda name: str(folder / name), initial=initial)


def add_demo(folder: Path, name: str = DEMO_CHECKPOINT) -> None:
    (folder / name).symlink_to(DEMO)


def test_the_demo_model_says_its_space_size_and_guidance(folder: Path) -> None:
    add_demo(folder)
    model = catalogue(folder).resolve(None)
    assert model is not None
    assert (model.family, model.latent_space, model.native_side) == ("sd1", "codec-comfyui/demo-sd1", 128)
    assert model.guidance_scale == 3.0
    facts = facts_of(model, SPACES, "http://host")
    assert (facts.has_images, facts.has_video, facts.native_size) == (True, True, (128, 128))
    assert facts.latent_map is not None


@pytest.mark.parametrize("name", ["demo", "Codec-Demo", DEMO_CHECKPOINT, "codec-demo-sd1"])
def test_names_with_and_without_extension_and_aliases_find_the_file(folder: Path, name: str) -> None:
    add_demo(folder)
    assert catalogue(folder).file_of(name) == DEMO_CHECKPOINT


def test_a_name_without_its_folder_finds_the_file(folder: Path) -> None:
    add_demo(folder, "sub/other.safetensors")
    for name in ("sub/other.safetensors", "sub/other", "other.safetensors", "other"):
        assert catalogue(folder).file_of(name) == "sub/other.safetensors"
    assert catalogue(folder).file_of("ther") is None


def test_without_a_name_the_operators_choice_answers_then_the_only_one_that_is_no_demo(folder: Path) -> None:
    add_demo(folder)
    add_demo(folder, "a.safetensors")
    assert catalogue(folder).file_of(None) == "a.safetensors"
    assert catalogue(folder, initial="demo").file_of(None) == DEMO_CHECKPOINT
    add_demo(folder, "b.safetensors")
    assert catalogue(folder).file_of(None) == DEMO_CHECKPOINT
    assert catalogue(folder, initial="b").file_of(None) == "b.safetensors"


def test_a_file_that_cannot_answer_is_refused_with_the_reason(folder: Path) -> None:
    save_file({"some.weight": torch.zeros(2)}, folder / "odd.safetensors")
    (folder / "broken.safetensors").write_bytes(b"no such thing")
    for name in ("odd", "broken"):
        with pytest.raises(RejectionError) as caught:
            catalogue(folder).resolve(name)
        assert (caught.value.status, caught.value.code) == (404, "model_not_found")
        assert str(folder) not in str(caught.value)
    assert catalogue(folder).resolve("pickle.ckpt") is None


def test_a_file_that_changed_is_read_again(folder: Path) -> None:
    add_demo(folder)
    models = catalogue(folder)
    assert models.resolve(None) is models.resolve(None)
    (folder / DEMO_CHECKPOINT).unlink()
    save_file({"some.weight": torch.zeros(2)}, folder / DEMO_CHECKPOINT)
    with pytest.raises(RejectionError):
        models.resolve(None)


def test_a_workflows_space_is_its_nodes_own_else_that_of_its_checkpoint(folder: Path) -> None:
    add_demo(folder)
    models = catalogue(folder)

    def space_of(latent_space: str | None, checkpoint: str | None) -> str | None:
        workflow = Workflow({}, "1", "default", None, latent_space, checkpoint)
        space = facts_of_workflow(workflow, models, SPACES, "http://host").space
        return None if space is None else space.id

    assert space_of(None, DEMO_CHECKPOINT) == "codec-comfyui/demo-sd1"
    assert space_of("stabilityai/sd-vae-ft-mse", DEMO_CHECKPOINT) == "stabilityai/sd-vae-ft-mse"
    assert space_of(None, "unknown.safetensors") is None
    assert space_of(None, None) is None
    assert facts_of_workflow(None, models, SPACES, "http://host").space is None
