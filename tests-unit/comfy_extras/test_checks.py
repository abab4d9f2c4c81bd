"""Each finding names what is wrong; a sound class has none."""

from __future__ import annotations

import pytest

from comfy_api.latest import io
from comfy_extras.checks import find_problems


class SoundV1:
    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("INT", {"default": 1, "min": 0, "max": 3})}}

    def run(self, value):
        return (value,)


def v3(inputs, execute):
    members = {
        "define_schema": classmethod(lambda cls: io.Schema(node_id="T", inputs=inputs)),
        "execute": classmethod(execute),
    }
    return type("T", (io.ComfyNode,), members)


def test_sound_classes_have_no_findings():
    assert find_problems(SoundV1, read_inputs=True) == []
    node = v3([io.Int.Input("a"), io.Int.Input("b", optional=True)], lambda cls, a, b=None: None)
    assert find_problems(node) == []


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({"RETURN_TYPES": "INT"}, "RETURN_TYPES"),
        ({"RETURN_NAMES": ("a", "b")}, "RETURN_NAMES"),
        ({"OUTPUT_IS_LIST": ()}, "OUTPUT_IS_LIST"),
        ({"FUNCTION": "walk"}, "walk"),
        ({"FUNCTION": None}, "FUNCTION"),
        ({"INPUT_TYPES": None}, "INPUT_TYPES"),
        ({"INPUT_TYPES": lambda: {"required": {"other": ("INT",)}}}, "'other'"),
        (
            {"INPUT_TYPES": lambda: {"required": {"value": ("INT", {"default": 9, "min": 0, "max": 3})}}},
            "0..3",
        ),
    ],
)
def test_v1_findings(attributes, word):
    found = find_problems(type("Odd", (SoundV1,), attributes), read_inputs=True)
    assert found and word in found[0]


@pytest.mark.parametrize(
    ("inputs", "execute", "word"),
    [
        ([io.Int.Input("a")], lambda cls: None, "'a' is no parameter"),
        ([], lambda cls, a: None, "needs 'a'"),
        ([io.Int.Input("a", optional=True)], lambda cls, a: None, "optional"),
        ([io.Int.Input("a", default=9, max=3)], lambda cls, a: None, "above max 3"),
        ([io.Int.Input("a", min=4, max=3)], lambda cls, a: None, "above max"),
        ([io.Int.Input("a"), io.Float.Input("a")], lambda cls, a: None, "twice"),
        (["a"], lambda cls, a: None, "io.<Type>.Input"),
    ],
)
def test_v3_findings(inputs, execute, word):
    found = find_problems(v3(inputs, execute))
    assert found and word in found[0]


def test_what_is_no_class_is_said_so():
    assert "is not a class" in find_problems(object())[0]
