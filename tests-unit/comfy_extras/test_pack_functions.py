"""Loading packs under the names that pack managers call."""

from __future__ import annotations

import pytest

from comfy_extras import pack_functions
from comfy_extras.catalogue import REGISTRY

PACK = """
class PackFunctionsProbe:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}
    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    def run(self):
        return (VALUE,)

NODE_CLASS_MAPPINGS = {"PackFunctionsProbe": PackFunctionsProbe}
"""


@pytest.fixture(autouse=True)
def clean_registry():
    before = (dict(REGISTRY.classes), dict(REGISTRY.display_names))
    yield
    for live, kept in zip((REGISTRY.classes, REGISTRY.display_names), before, strict=True):
        live.clear()
        live.update(kept)


def test_a_pack_is_named_after_its_folder_or_file(tmp_path):
    (tmp_path / "single.py").write_text("")
    (tmp_path / "folder.v2").mkdir()
    assert pack_functions.get_module_name(str(tmp_path / "single.py")) == "single"
    assert pack_functions.get_module_name(str(tmp_path / "folder.v2")) == "folder.v2"


async def test_one_pack_loads_into_the_registry(tmp_path):
    path = tmp_path / "probe.py"
    path.write_text("VALUE = 1" + PACK)
    assert await pack_functions.load_custom_node(str(path))
    assert REGISTRY.classes["PackFunctionsProbe"]().run() == (1,)


async def test_ignored_names_are_left_as_they_are(tmp_path):
    path = tmp_path / "probe2.py"
    path.write_text("VALUE = 2" + PACK)
    assert await pack_functions.load_custom_node(str(path), ignore={"PackFunctionsProbe"})
    assert "PackFunctionsProbe" not in REGISTRY.classes


async def test_a_broken_pack_is_reported_as_not_loaded(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("raise RuntimeError('no')")
    assert not await pack_functions.load_custom_node(str(path))


async def test_built_in_nodes_load_without_a_failing_file(folders):
    assert await pack_functions.init_builtin_extra_nodes() == []
    assert {"KSampler", "SaveImage", "PrimitiveInt", "LatentBatch"} <= set(REGISTRY.classes)


async def test_packs_of_the_custom_node_folder_are_found(folders):
    (folders / "custom_nodes").mkdir()
    (folders / "custom_nodes" / "probe3.py").write_text("VALUE = 3" + PACK)
    await pack_functions.init_extra_nodes(init_custom_nodes=True)
    assert REGISTRY.classes["PackFunctionsProbe"]().run() == (3,)
