"""Requests become graphs."""

from __future__ import annotations

import pytest

from codec_transport.endpoints.templates import build_graph, has_template, template_name

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


@pytest.mark.parametrize("outcome", ["latents", "files"])
def test_a_clip_starts_every_frame_from_one_noise_and_moves_between_two_prompts(outcome: str) -> None:
    values = {**VALUES, "first_prompt": "a", "last_prompt": "b", "frames": 7, "frame_rate": 5.0}
    graph = build_graph("sd1_video", outcome, values)
    assert graph["frames"]["inputs"]["batch_size"] == graph["positive"]["inputs"]["frames"] == 7
    assert graph["noise"] == {
        "class_type": "LatentBatchSeedBehavior",
        "inputs": {"samples": ["frames", 0], "seed_behavior": "fixed"},
    }
    assert graph["sample"]["inputs"]["positive"] == ["positive", 0]
    assert (graph["first"]["inputs"]["text"], graph["last"]["inputs"]["text"]) == ("a", "b")


def test_a_family_has_a_name_for_pictures_and_one_for_clips() -> None:
    assert (template_name("sd1", is_clip=False), template_name("sd1", is_clip=True)) == ("sd1", "sd1_video")
    assert has_template("sd1_video")
