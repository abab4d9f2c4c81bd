"""Sampler output to frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec_transport.errors import LatentInputError
from codec_transport.pipelines.cutting import cut_latent, frame_shape


@pytest.mark.parametrize("give", [np.asarray, torch.from_numpy])
def test_image_is_one_frame(give):
    latent = np.arange(8.0).reshape(1, 2, 2, 2)
    (frame,) = cut_latent(give(latent))
    assert np.array_equal(np.asarray(frame), latent[0])


@pytest.mark.parametrize("give", [np.asarray, torch.from_numpy])
def test_video_is_cut_along_time(give):
    latent = np.arange(24.0).reshape(1, 2, 3, 2, 2)
    frames = [np.asarray(frame) for frame in cut_latent(give(latent))]
    assert [frame.shape for frame in frames] == [(2, 2, 2)] * 3
    assert np.array_equal(np.stack(frames, axis=1), latent[0])


def test_batch_as_a_clip_must_be_asked_for():
    latent = np.zeros((3, 2, 2, 2))
    with pytest.raises(LatentInputError):
        list(cut_latent(latent))
    assert len(list(cut_latent(latent, batch_is_time=True))) == 3


def test_frame_shape_by_rank():
    assert frame_shape((1, 4, 8, 9)) == (4, 8, 9)
    assert frame_shape((1, 16, 5, 8, 9)) == (16, 8, 9)
    with pytest.raises(LatentInputError):
        frame_shape((4, 8, 9))
