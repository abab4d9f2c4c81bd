"""Previews: which method holds, and what a callback tells the progress hook."""

from __future__ import annotations

import pytest
import torch
from toy_model import toy_patcher

from comfy import progress
from comfy.sampling import previews

FACTORS = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


@pytest.fixture(autouse=True)
def own_settings():
    yield
    previews.configure("none", 512)
    previews.set_preview_method(None)
    progress.set_progress_bar_global_hook(None)


@pytest.fixture
def patcher():
    made = toy_patcher()
    made.model.latent_format.latent_rgb_factors = FACTORS
    return made


@pytest.fixture
def told():
    heard = []
    progress.set_progress_bar_global_hook(
        lambda value, total, preview, node_id=None: heard.append((value, total, preview))
    )
    return heard


def test_there_are_no_previews_unless_asked_for(patcher, told):
    previews.prepare_callback(patcher, 2)(0, torch.zeros(1, 4, 2, 3), None, 2)
    assert told == [(1, 2, None)]


def test_colours_are_a_linear_map_of_channels(patcher, told):
    previews.configure("latent2rgb", 256)
    x0 = torch.zeros(1, 4, 2, 3)
    x0[:, 0] = 1.0
    kept = {}
    previews.prepare_callback(patcher, 2, kept)(1, x0, None, 2)
    ((value, total, (kind, image, longest)),) = told
    assert (value, total, kind, longest) == (2, 2, "JPEG", 256)
    assert image.size == (3, 2) and image.getpixel((0, 0)) == (255, 127, 127)
    assert kept["x0"] is x0


def test_prompt_may_override_the_method(patcher):
    device, latent_format = patcher.load_device, patcher.model.latent_format
    previews.configure("latent2rgb")
    previews.set_preview_method("none")
    assert previews.get_previewer(device, latent_format) is None
    previews.set_preview_method("default")
    assert previews.get_previewer(device, latent_format) is not None


def test_unknown_method_means_the_configured_one():
    previews.configure("auto")
    previews.set_preview_method("sparkles")
    assert previews.preview_method() == "auto"


def test_clip_shows_its_first_frame():
    previewer = previews.Latent2RGBPreviewer(FACTORS, [0.0, 0.0, 1.0])
    clip = torch.zeros(1, 4, 3, 2, 2)
    clip[:, :, 1:] = 1.0
    assert previewer.decode_latent_to_preview(clip).getpixel((0, 0)) == (127, 127, 255)


def test_format_without_factors_has_no_preview(patcher):
    previews.configure("auto")
    patcher.model.latent_format.latent_rgb_factors = None
    assert previews.get_previewer(patcher.load_device, patcher.model.latent_format) is None
