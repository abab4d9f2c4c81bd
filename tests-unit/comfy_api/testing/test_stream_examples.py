"""The documented stream pack, loaded as a pack and run on the engine; its streams pass the conformance kit."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from pathlib import Path

import pytest
from stream_bench import StreamBench, node

import folder_paths
from comfy_api.adapters import describe
from comfy_api.testing.frame_wise import check_frame_wise
from comfy_api.testing.streams import check_stream
from comfy_execution.registry import Registry
from comfy_extras.loading import load_packs

ROOT = Path(__file__).parents[3]
PACK = ROOT / "docs" / "examples" / "stream_pack" / "__init__.py"
PAGE = (ROOT / "docs" / "streaming.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pack():
    spec = importlib.util.spec_from_file_location("stream_pack", PACK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def classes():
    registry = Registry(describe)
    asyncio.run(load_packs([str(PACK.parents[1])], registry, disable_all=True, whitelist=["stream_pack"]))
    return {
        name: registry.classes[name]
        for name in ("SweepStream", "TrailsStream", "SaveBrightness", "FlipColors")
    }


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "get_output_directory", lambda: str(tmp_path))
    return tmp_path


def test_the_example_runs(classes, output):
    prompt = {
        "1": node("SweepStream", frames=20, size=16),
        "2": node("TrailsStream", stream=["1", 0], decay=0.5),
        "3": node("SaveBrightness", stream=["2", 0], name="bright"),
        "4": node("SaveBrightness", stream=["1", 0], name="bright"),
    }
    with StreamBench(classes) as bench:
        bench.stream(prompt)
        assert bench.history["outputs"]["3"] == {"text": ["20 frames"]}
        assert bench.tee <= 16
    first, second = sorted(output.iterdir())
    assert [first.name, second.name] == ["bright_00000.txt", "bright_00001.txt"]
    lines = [[float(v) for v in path.read_text().split()] for path in (first, second)]
    plain, trailing = sorted(lines, key=lambda values: values[-1])
    assert plain == [1 / 16] * 20
    assert trailing[0] == 1 / 16 and all(a > b for a, b in zip(trailing[2:], plain[2:], strict=True))


def test_the_example_streams_keep_the_contract(pack):
    check_stream(lambda: pack.Sweep(21, 8, 8))

    def trailing():
        source = pack.Sweep(21, 8, 8)
        return pack.image_stream(lambda: pack.trails(source, 0.5), sources=[source], frame_count=21)

    check_stream(trailing)


def test_the_frame_wise_example_keeps_its_promise(classes):
    assert check_frame_wise("FlipColors", classes["FlipColors"]) == 4


def test_every_class_of_the_page_is_in_the_pack(pack):
    shown = set(re.findall(r"^class (\w+)", PAGE, re.MULTILINE))
    assert shown and shown <= set(vars(pack))


def test_code_on_the_page_is_the_code_of_the_pack():
    source = PACK.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    shown = [block for block in blocks if "# from the pack" in block.splitlines()[0]]
    assert len(shown) >= 4
    for block in shown:
        assert block.split("\n", 1)[1].strip() in source
