"""The names that packs import are there, and importing them is light."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

DOORS = {
    "comfy_api.latest": "ComfyExtension io ui Input Types ComfyAPI ComfyAPISync IO UI comfy_io",
    "comfy_api.v0_0_2": "ComfyExtension io ui Input Types ComfyAPI ComfyAPISync",
    "comfy_api.v0_0_1": "ComfyExtension io ui Input Types ComfyAPI ComfyAPISync",
    "comfy_api.input": "ImageInput AudioInput MaskInput LatentInput VideoInput",
    "comfy_api.util": "VideoContainer VideoCodec VideoComponents",
    "comfy_api.version_list": "supported_versions",
    "comfy_api.latest._util": "MESH VOXEL VideoCodec VideoContainer VideoComponents",
    "comfy_api.latest._ui": "PreviewImage PreviewMask PreviewVideo PreviewUI3D PreviewText SavedImages SavedAudios "
    "SavedResult ImageSaveHelper",
    "comfy.comfy_types": "IO ComfyNodeABC InputTypeDict CheckLazyMixin FileLocator UnetWrapperFunction "
    "UnetApplyFunction UnetParams UnetApplyConds",
    "comfy.comfy_types.node_typing": "IO ComfyNodeABC InputTypeDict CheckLazyMixin FileLocator",
    "comfyui_version": "__version__",
}


@pytest.mark.parametrize("module", DOORS)
def test_a_door_has_its_names(module):
    door = importlib.import_module(module)
    missing = [name for name in DOORS[module].split() if not hasattr(door, name)]
    assert missing == [] and set(door.__dict__.get("__all__", ())) <= set(dir(door))


def test_the_older_versions_are_the_same_language():
    from comfy_api import latest, v0_0_1, v0_0_2

    assert v0_0_1.io is latest.io is v0_0_2.io and latest.IO is latest.io
    assert (v0_0_1.ComfyAPI.VERSION, v0_0_2.ComfyAPI.VERSION, latest.ComfyAPI.VERSION) == (
        "0.0.1", "0.0.2", "latest",
    )  # fmt: skip


@pytest.mark.parametrize("module", ["comfy_api.latest", "comfy_api.adapters.v3", "comfy_extras.checks"])
def test_importing_the_node_language_does_not_import_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
