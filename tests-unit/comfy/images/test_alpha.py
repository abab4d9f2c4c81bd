"""Bringing two images to one number of channels."""

from __future__ import annotations

import torch

from comfy.images.alpha import image_alpha_fix


def test_a_source_loses_the_alpha_that_the_destination_lacks():
    destination, source = image_alpha_fix(torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 4))
    assert destination.shape[-1] == source.shape[-1] == 3


def test_a_source_gets_an_opaque_alpha_that_the_destination_has():
    destination, source = image_alpha_fix(torch.zeros(1, 2, 2, 4), torch.zeros(1, 2, 2, 3))
    assert destination.shape[-1] == source.shape[-1] == 4
    assert torch.all(source[..., 3] == 1)
