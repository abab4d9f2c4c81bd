"""Map documents: schema, exact bytes, numbers as JavaScript prints them."""

from __future__ import annotations

import json

import pytest

from codec_transport.spaces.builtin import builtin_spaces
from codec_transport.spaces.map_document import describe, document_bytes, map_document
from codec_transport.spaces.space import LatentSpace

BASE = "https://host"
ALLOWED = {
    "id", "version", "shape", "dtype", "vae_scale_factor", "pipelines", "decoder", "zstd_dictionaries",
    "published_at",
}  # fmt: skip
ALLOWED_IN_PIPELINE = {"name", "static_scales", "keyframe_interval_frames", "quality_thresholds"}


@pytest.mark.parametrize("space", builtin_spaces(), ids=lambda space: space.id)
def test_map_holds_what_the_schema_asks_for_and_nothing_else(space):
    document = map_document(space, BASE)
    assert {"id", "version", "shape", "dtype", "pipelines"} <= set(document) <= ALLOWED
    names = [entry["name"] for entry in document["pipelines"]]
    assert names[0] == "raw" and len(set(names)) == len(names) == 7
    for entry in document["pipelines"]:
        assert set(entry) <= ALLOWED_IN_PIPELINE
        assert ("static_scales" in entry) == (entry["name"] in ("int8", "int4"))
        assert ("keyframe_interval_frames" in entry) == entry["name"].startswith("delta+")
        if "static_scales" in entry:
            scales = entry["static_scales"]
            assert set(scales) == {"url", "hash", "size_bytes"}
            digits = scales["hash"].removeprefix("sha256:")
            assert scales["url"] == f"{BASE}/.well-known/codec/scales/{digits}.bin"
            assert scales["size_bytes"] == 2 * document["shape"][0]
    assert set(document["decoder"]) <= {
        "family",
        "model_class",
        "weights_url",
        "weights_hash",
        "canonical_image",
    }


def test_bytes_are_the_pretty_form():
    document = {
        "id": "é/漢",
        "shape": [4, 64],
        "factor": 0.5,
        "none": [],
        "empty": {},
        "yes": True,
        "nil": None,
    }
    assert document_bytes(document).decode() == (
        "{\n"
        '  "id": "é/漢",\n'
        '  "shape": [\n    4,\n    64\n  ],\n'
        '  "factor": 0.5,\n'
        '  "none": [],\n'
        '  "empty": {},\n'
        '  "yes": true,\n'
        '  "nil": null\n'
        "}"
    )


def test_bytes_read_back_as_the_same_document():
    document = map_document(builtin_spaces()[0], BASE)
    assert json.loads(document_bytes(document)) == document


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.18215, "0.18215"),
        (1.0, "1"),
        (-2.0, "-2"),
        (0.0, "0"),
        (-0.0, "0"),
        (100.0, "100"),
        (123.456, "123.456"),
        (999999.99999999, "999999.99999999"),
        (1e-6, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_numbers_as_javascript_prints_them(number, text):
    assert document_bytes({"n": number}).decode() == f'{{\n  "n": {text}\n}}'


def test_description_adds_what_a_map_must_not_hold():
    space = LatentSpace(
        "a/b",
        "1",
        (16, 3, 8, 8),
        "fp16",
        None,
        temporal_stride=4,
        vae_shift_factor=0.1159,
        latents_mean=(0.5,) * 16,
        modalities=frozenset({"video-latents"}),
    )
    description = describe(space, BASE, "sha256:x")
    assert description["shape"] == [16, "t", "h", "w"]
    assert description["vae_shift_factor"] == 0.1159
    assert description["latents_mean"] == [0.5] * 16
    assert list(description["pipelines"]) == ["video-latents"]
    assert "scales" not in description and "vae_shift_factor" not in map_document(space, BASE)
    assert describe(builtin_spaces()[0], BASE, "sha256:x")["scales"] == "provisional"
