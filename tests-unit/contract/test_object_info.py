"""GET /object_info of every node that we register equals the recorded answer, by the comparer's rule."""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from comfy_api.adapters import describe
from comfy_execution.registry import Registry
from comfy_extras.loading import load_builtin_nodes
from comfy_extras.object_info import node_info

HERE = Path(__file__).parent
RECORDED: dict[str, Any] = json.loads((HERE.parent / "data/contract/object_info.json").read_text())

STREAM_NODES = """
ImageBatchToStream ImageStreamToBatch PreviewImageStream StreamSink VAEDecodeStream LoadImagesStream StreamTrim
StreamRate SaveImagesStream LoadVideoStream SaveVideoStream SavePassthroughVideoStream LatentBatchToStream
LatentStreamToBatch VAEEncodeStream LatentStreamDecode SaveLatentStream
""".split()

OUR_OWN = {"EmitLatents", "ConditioningOverFrames", "SaveImageWebsocket", *STREAM_NODES}
"""Registered classes that the recorded version does not have, each with a reason in the docs or the contract."""

FIRST_LIGHT = """
CheckpointLoaderSimple VAELoader CLIPTextEncode CLIPSetLastLayer EmptyLatentImage LoraLoader KSampler KSamplerAdvanced
VAEDecode VAEEncode LatentUpscale LatentUpscaleBy LoadImage LoadImageMask SaveImage PreviewImage ImageScale ImageScaleBy
ImageInvert ImageBatch EmptyImage MaskToImage ImageToMask SetLatentNoiseMask SaveLatent LoadLatent PreviewAny
PrimitiveInt PrimitiveFloat PrimitiveString PrimitiveStringMultiline PrimitiveBoolean
""".split()

_spec = importlib.util.spec_from_file_location("object_info_compare", HERE / "object_info_compare.py")
assert _spec is not None and _spec.loader is not None
compare = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare)


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    registry = Registry(describe)
    reports = asyncio.run(load_builtin_nodes(registry))
    assert [(report.name, repr(report.error)) for report in reports if report.error] == []
    return {name: json.loads(json.dumps(node_info(registry, name))) for name in registry}


TAKES_STREAMS_TOO = {"ImageUpscaleWithModel"}
"""Their sockets say "IMAGE,IMAGE_STREAM" where the recorded version, which has no streams, says "IMAGE"."""


def test_every_registered_node_equals_its_recording(served):
    wrong = {
        name: found
        for name, info in served.items()
        if name in RECORDED and (found := compare.differences(RECORDED[name], _without_streams(name, info)))
    }
    assert wrong == {}


def _without_streams(name, info):
    text = json.dumps(info)
    return json.loads(text.replace("IMAGE,IMAGE_STREAM", "IMAGE")) if name in TAKES_STREAMS_TOO else info


def test_every_registered_node_is_recorded_or_named_as_ours(served):
    assert served.keys() - RECORDED.keys() == OUR_OWN & served.keys()


@pytest.mark.parametrize("name", FIRST_LIGHT)
def test_nodes_of_the_first_slice_are_served(served, name):
    assert name in served


# --- the comparer itself: it must notice ---


def entry() -> dict[str, Any]:
    info = copy.deepcopy(RECORDED["KSampler"])
    info = json.loads(json.dumps(info).replace('"<text>"', '"words"'))
    return info | {"is_input_list": False, "has_intermediate_output": False, "search_aliases": []}


def test_comparer_accepts_own_texts_and_working_samplers():
    info = entry()
    info["input"]["required"]["sampler_name"][0] = ["euler", "ddim"]
    assert compare.differences(RECORDED["KSampler"], info) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda info: info.update(category="sampling2"), ".category"),
        (lambda info: info.update(description=""), ".description"),
        (lambda info: info.pop("search_aliases"), "search_aliases"),
        (lambda info: info["input"]["required"]["cfg"][1].update(max=99.0), ".cfg"),
        (lambda info: info["input"]["required"]["cfg"][1].update(default=8), ".cfg"),
        (lambda info: info["input"]["required"]["steps"][1].update(advanced=True), ".steps"),
        (lambda info: info["input"]["required"].pop("model"), ".model"),
        (lambda info: info["input_order"]["required"].reverse(), ".input_order"),
        (lambda info: info["input"]["required"]["sampler_name"].__setitem__(0, ["ddim", "euler"]), "order"),
        (
            lambda info: info["input"]["required"]["sampler_name"].__setitem__(0, ["mine"]),
            "not in the contract",
        ),
    ],
)
def test_comparer_notices_a_difference(change, where):
    info = entry()
    change(info)
    found = compare.differences(RECORDED["KSampler"], info)
    assert found and any(where in text for text in found)


def test_comparer_takes_any_file_list_for_an_empty_recorded_one():
    info = json.loads(json.dumps(RECORDED["LoadLatent"]))
    info |= {"is_input_list": False, "has_intermediate_output": False, "search_aliases": []}
    info["input"]["required"]["latent"][0] = ["a.latent"]
    assert compare.differences(RECORDED["LoadLatent"], info) == []
