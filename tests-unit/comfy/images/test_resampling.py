"""Resizing: what the vectors do not hold."""

from __future__ import annotations

import pytest
import torch

from comfy.images import resampling

METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "bislerp"]


@pytest.mark.parametrize("method", METHODS)
def test_constant_stays_constant(method):
    samples = torch.full((1, 4, 6, 9), 0.25)
    found = resampling.common_upscale(samples, 14, 5, method, "center")
    torch.testing.assert_close(found, torch.full((1, 4, 5, 14), 0.25))


@pytest.mark.parametrize("method", [*METHODS, "lanczos"])
def test_same_size_changes_nothing_but_lanczos_rounding(method):
    samples = torch.rand(2, 3, 6, 9, generator=torch.Generator().manual_seed(1))
    found = resampling.common_upscale(samples, 9, 6, method, "disabled")
    torch.testing.assert_close(found, samples, rtol=0, atol=1 / 255 if method == "lanczos" else 1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lanczos_takes_any_number_of_channels(channels):
    found = resampling.lanczos(torch.full((2, channels, 4, 4), 0.5), 8, 6)
    assert found.shape == (2, channels, 6, 8)
    # Pillow multiplies colours by alpha and divides again, each time rounding to 8 bit.
    tolerance = 1 / 255 if channels == 4 else 0.0
    torch.testing.assert_close(found, torch.full_like(found, 127 / 255), rtol=1e-6, atol=tolerance)


def test_bislerp_keeps_the_dtype_and_length_of_vectors():
    samples = torch.nn.functional.normalize(
        torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(1)), dim=1
    ).half()
    found = resampling.bislerp(samples, 7, 5)
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float().norm(dim=1), torch.ones(1, 5, 7), rtol=0, atol=2e-3)


def test_clip_is_resized_frame_by_frame():
    clip = torch.rand(1, 3, 2, 4, 6, generator=torch.Generator().manual_seed(1))
    found = resampling.common_upscale(clip, 3, 8, "bilinear", "center")
    second = resampling.common_upscale(clip[:, :, 1], 3, 8, "bilinear", "center")
    assert found.shape == (1, 3, 2, 8, 3) and torch.equal(found[:, :, 1], second)
