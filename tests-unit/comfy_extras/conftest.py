"""Folders of their own for tests that read or write files, and an SD1 checkpoint of a few hundred kilobytes."""

from __future__ import annotations

from pathlib import Path

import pytest

import folder_paths

VECTORS = Path(__file__).parent.parent / "data" / "vectors"


@pytest.fixture
def folders(tmp_path):
    """An empty base folder with input, output, temp and model folders; the process's own come back afterwards."""
    before = (folder_paths.base_path, folder_paths.models_dir)
    folder_paths.configure(str(tmp_path))
    for name in (
        "input",
        "output",
        "temp",
        "models/checkpoints",
        "models/vae",
        "models/loras",
        "models/embeddings",
    ):
        (tmp_path / name).mkdir(parents=True)
    yield tmp_path
    folder_paths.configure(*before)


@pytest.fixture(scope="session")
def narrow_weights():
    """An SD1 checkpoint's tensors and metadata: narrow random networks, the keys of the real thing."""
    from safetensors.torch import load_file

    text = load_file(VECTORS / "text_clip" / "state_clip_l.safetensors")
    tensors = {
        **load_file(VECTORS / "unet_sd15" / "state.safetensors"),
        **load_file(VECTORS / "vae_kl_sd1" / "state.safetensors"),
        **{f"cond_stage_model.transformer.{key}": text[key] for key in text if key.startswith("text_model.")},
    }
    return tensors, {"codec.sd1.unet_heads": "4", "codec.sd1.text_heads": "4"}


@pytest.fixture
def narrow_checkpoint(folders, narrow_weights):
    """The narrow checkpoint as a file in the checkpoints folder; gives its name."""
    from safetensors.torch import save_file

    tensors, metadata = narrow_weights
    save_file(tensors, folders / "models" / "checkpoints" / "narrow.safetensors", metadata=metadata)
    return "narrow.safetensors"
