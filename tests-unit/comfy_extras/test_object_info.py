"""Entries of GET /object_info: V1 marks, keys of 2026, and what must not reach a browser."""

from __future__ import annotations

import json
import sys

import pytest

from comfy_execution.registry import Registry
from comfy_extras.object_info import class_info, node_info


class Plain:
    RETURN_TYPES = ("INT", "STRING")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"a": ("INT",)}, "optional": None, "hidden": {"id": "UNIQUE_ID"}}

    def run(self, a, id):
        return (a, id)


def variant(**attributes):
    return type("Plain", (Plain,), attributes)


def registry_of(**classes) -> Registry:
    registry = Registry(lambda name, cls: pytest.fail("object_info reads classes, not specs"))
    registry.classes.update(classes)
    return registry


def test_a_v1_class_without_extras_has_the_plain_keys():
    assert class_info("Plain", Plain) == {
        "input": {"required": {"a": ("INT",)}, "optional": {}, "hidden": {"id": "UNIQUE_ID"}},
        "input_order": {"required": ["a"], "optional": [], "hidden": ["id"]},
        "is_input_list": False,
        "output": ("INT", "STRING"),
        "output_is_list": [False, False],
        "output_name": ("INT", "STRING"),
        "name": "Plain",
        "display_name": "Plain",
        "description": "",
        "python_module": "nodes",
        "category": "sd",
        "output_node": False,
        "has_intermediate_output": False,
        "search_aliases": [],
    }


@pytest.mark.parametrize(
    ("attribute", "value", "key", "shown"),
    [
        ("DEPRECATED", True, "deprecated", True),
        ("EXPERIMENTAL", True, "experimental", True),
        ("API_NODE", True, "api_node", True),
        ("DEV_ONLY", True, "dev_only", True),
        ("ESSENTIALS_CATEGORY", "Basics", "essentials_category", "Basics"),
        ("SEARCH_ALIASES", ["x"], "search_aliases", ["x"]),
        ("OUTPUT_TOOLTIPS", ("t",), "output_tooltips", ("t",)),
        ("RETURN_NAMES", ("n", "m"), "output_name", ("n", "m")),
        ("OUTPUT_IS_LIST", (True, False), "output_is_list", (True, False)),
        ("INPUT_IS_LIST", True, "is_input_list", True),
        ("OUTPUT_NODE", True, "output_node", True),
        ("HAS_INTERMEDIATE_OUTPUT", True, "has_intermediate_output", True),
        ("RELATIVE_PYTHON_MODULE", "custom_nodes.p", "python_module", "custom_nodes.p"),
    ],
)
def test_a_v1_attribute_shows_under_its_key(attribute, value, key, shown):
    assert class_info("Plain", variant(**{attribute: value}))[key] == shown
    assert class_info("Plain", Plain).get(key) != shown


def test_the_title_comes_from_the_registry():
    registry = registry_of(Plain=Plain)
    registry.display_names["Plain"] = "A Plain One"
    assert node_info(registry, "Plain")["display_name"] == "A Plain One"
    with pytest.raises(KeyError):
        node_info(registry, "Unknown")


def test_infinite_bounds_become_numbers_that_browsers_read():
    options = {"min": float("-inf"), "max": float("inf"), "default": float("nan")}
    odd = variant(INPUT_TYPES=classmethod(lambda cls: {"required": {"a": ("FLOAT", options)}}))
    info = json.loads(json.dumps(node_info(registry_of(Odd=odd), "Odd"), allow_nan=False))
    assert info["input"]["required"]["a"][1] == {
        "min": -sys.float_info.max,
        "max": sys.float_info.max,
        "default": None,
    }


def test_what_json_cannot_hold_is_an_error_of_that_class():
    odd = variant(INPUT_TYPES=classmethod(lambda cls: {"required": {"a": ({"a", "set"},)}}))
    with pytest.raises(TypeError):
        node_info(registry_of(Odd=odd), "Odd")
