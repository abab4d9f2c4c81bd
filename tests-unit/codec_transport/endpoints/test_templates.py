"""Requests become graphs."""

from __future__ import annotations

import pytest

from codec_transport.endpoints.templates import build_graph, has_template

VALUES = {
    "checkpoint": "a.safetensors", "prompt": "$prompt is no placeholder here", "negative_prompt": "", "width": 128,
    "height": 64, "count": 2, "seed": 7, "steps": 3, "guidance_scale": 2.5, "sampler_name": "euler",
    "scheduler": "normal", "latent_space": "x/y", "pipeline": "raw", "channel": "c",
}  # fmt: skip


@pytest.mark.parametrize("outcome", ["latents", "pixels", "files"])
def test_every_value_arrives_with_its_type(outcome: str) -> None:
    graph = build_graph("sd1", outcome, VALUES)
    assert graph["noise"]["inputs"] == {"width": 128, "height": 64, "batch_size": 2}
    assert graph["sample"]["inputs"]["cfg"] == 2.5
    assert graph["positive"]["inputs"]["text"] == "$prompt is no placeholder here"


def test_outcomes_differ_only_behind_the_sampler() -> None:
    latents, pixels = build_graph("sd1", "latents", VALUES), build_graph("sd1", "pixels", VALUES)
    assert set(latents) - set(pixels) == {"emit"}
    assert set(pixels) - set(latents) == {"decode", "show"}


def test_a_missing_value_is_named() -> None:
    with pytest.raises(KeyError, match="seed"):
        build_graph("sd1", "latents", {key: value for key, value in VALUES.items() if key != "seed"})


def test_only_families_with_a_template_can_be_asked_for() -> None:
    assert has_template("sd1")
    assert not has_template("wan21")
