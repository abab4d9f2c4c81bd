"""The published schema: our own maps fit, and each way of not fitting is named with its place."""

from __future__ import annotations

import copy
import json

import pytest

from codec_transport.spaces.builtin import builtin_spaces
from codec_transport.spaces.map_document import map_document
from codec_transport.spaces.schema import map_problems, map_schema

BASE = "https://example.org"
GOOD = map_document(builtin_spaces()[0], BASE)


@pytest.mark.parametrize("space", builtin_spaces(), ids=lambda space: space.id)
def test_maps_we_serve_fit_the_schema_we_publish(space):
    assert map_problems(json.loads(json.dumps(map_document(space, BASE)))) == []


def changed(place, value):
    document = copy.deepcopy(GOOD)
    target = document
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return document


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("id",), "Upper/Case", "map.id"),
        (("id",), "a/../b", "map.id"),
        (("version",), 1, "map.version"),
        (("version",), "", "map.version"),
        (("shape",), [4, 0, 64], "map.shape[1]"),
        (("shape",), [4, True, 64], "map.shape[1]"),
        (("shape",), [4], "map.shape"),
        (("shape",), [4, 2, 2, 2, 2], "map.shape"),
        (("shape",), [4, 70000, 2], "map.shape[1]"),
        (("dtype",), "fp8", "map.dtype"),
        (("vae_scale_factor",), 0, "map.vae_scale_factor"),
        (("pipelines",), [], "map.pipelines"),
        (("pipelines", 0), "raw", "map.pipelines[0]"),
        (("pipelines", 0, "name"), "int9", "map.pipelines[0].name"),
        (("pipelines", 1, "static_scales", "hash"), "abc", "map.pipelines[1].static_scales.hash"),
        (("pipelines", 1, "static_scales", "size_bytes"), "8", "size_bytes"),
        (("pipelines", 0, "extra"), 1, "'extra'"),
        (("surprise",), 1, "'surprise'"),
    ],
)
def test_document_that_does_not_fit_is_told_where(place, value, named):
    problems = map_problems(changed(place, value))
    assert problems
    assert named in "; ".join(problems)


@pytest.mark.parametrize("key", ["id", "version", "shape", "dtype", "pipelines"])
def test_required_keys_are_required(key):
    document = {name: value for name, value in GOOD.items() if name != key}
    assert map_problems(document) == [f"map has no '{key}'"]


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_what_is_no_object_is_no_map(value):
    assert "expected object" in map_problems(value)[0]


def test_schema_is_json_schema_with_a_title():
    assert map_schema()["$schema"].startswith("https://json-schema.org/")
    assert map_schema()["additionalProperties"] is False
