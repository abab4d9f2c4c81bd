"""Calibration: percentile of per-picture maxima, margin, clamp rate, and the map that is rewritten."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from codec_transport.calibrate import known_space, recalibrated
from codec_transport.calibration import calibrate, clamp_rate
from codec_transport.errors import CodecError, LocalProtocolError, NonFiniteLatentError
from codec_transport.spaces.builtin import DEMO_SPACE_ID, SDXL_SPACE_ID, builtin_spaces
from codec_transport.spaces.map_writing import write_map
from codec_transport.spaces.maps_directory import spaces_with
from codec_transport.spaces.space import ScalesOrigin

SPACES = {space.id: space for space in builtin_spaces()}


def latents(num=200, channels=4, seed=3):
    random = np.random.default_rng(seed)
    sizes = np.arange(1, channels + 1).reshape(-1, 1, 1)
    return [random.standard_normal((channels, 16, 16)).astype(np.float32) * sizes for _ in range(num)]


def test_block_is_the_percentile_of_maxima_times_the_margin():
    found = calibrate(latents(), percentile=50, margin=1.1)
    maxima = np.stack([np.abs(latent.astype(np.float16)).max(axis=(1, 2)) for latent in latents()])
    expected = (np.percentile(maxima.astype(np.float32), 50, axis=0) * 1.1).astype(np.float16)
    assert np.frombuffer(found.block, "<f2").tolist() == expected.tolist()
    assert found.scales.tolist() == expected.astype(np.float32).tolist()
    assert (found.num_latents, found.num_values) == (200, 200 * 4 * 256)


def test_clamp_rate_counts_the_values_beyond_their_channels_scale():
    found = calibrate(latents(), percentile=0, margin=1)
    beyond = sum(
        (np.abs(latent.astype(np.float16)) > found.scales[:, None, None]).sum() for latent in latents()
    )
    assert found.clamp_rate == beyond / found.num_values > 0
    assert clamp_rate(latents(), found.block) == found.clamp_rate
    assert calibrate(latents(), percentile=100, margin=1.01).clamp_rate == 0


def test_high_percentile_lets_one_odd_picture_not_widen_the_scales():
    odd = [*latents(), 100 * latents(1)[0]]
    assert (calibrate(odd, percentile=99).scales < 2 * calibrate(latents(), percentile=99).scales).all()


def test_tensors_count_as_arrays_do():
    arrays = latents(20)
    assert calibrate([torch.from_numpy(array) for array in arrays]).block == calibrate(arrays).block


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ([], {}),
        ([np.zeros((4, 2, 2)), np.zeros((5, 2, 2))], {}),
        (latents(2), {"percentile": 101}),
        (latents(2), {"margin": 0}),
    ],
)
def test_what_cannot_be_calibrated_is_refused(given, more):
    with pytest.raises(LocalProtocolError):
        calibrate(given, **more)


def test_channels_with_infinity_are_named():
    bad = latents(3)
    bad[1][2, 0, 0] = np.inf
    with pytest.raises(NonFiniteLatentError) as caught:
        calibrate(bad)
    assert caught.value.channels == (2,)


def test_rewritten_map_is_what_a_server_then_serves(tmp_path):
    found = calibrate(latents())
    space = recalibrated(SPACES[SDXL_SPACE_ID], found, "a test")
    path = write_map(space, tmp_path)
    assert json.loads(path.read_text("utf-8"))["version"] == "2"
    (again,) = (entry for entry in spaces_with(tmp_path, builtin_spaces()) if entry.id == SDXL_SPACE_ID)
    assert again == space
    assert again.static_scales.origin is ScalesOrigin.CALIBRATED
    assert (again.static_scales.block, again.static_scales.source) == (found.block, "a test")
    # the same numbers again are the same map
    assert recalibrated(again, found, "a test").version == "2"
    assert known_space(SDXL_SPACE_ID, tmp_path) == space


@pytest.mark.parametrize("space_id", SPACES)
def test_every_space_survives_being_written_and_read(tmp_path, space_id):
    write_map(SPACES[space_id], tmp_path)
    # without the shipped space to inherit from: everything must be in the files
    (again,) = spaces_with(tmp_path, ())
    for field in (
        "id", "version", "shape", "dtype", "static_scales", "spatial_stride", "temporal_stride",
        "vae_scale_factor", "vae_shift_factor", "latents_mean", "latents_std", "modalities", "decoder",
    ):  # fmt: skip
        assert getattr(again, field) == getattr(SPACES[space_id], field), field


def test_unknown_space_needs_a_map_first(tmp_path):
    with pytest.raises(CodecError, match="put a map of it"):
        known_space("some/other", tmp_path)


def test_demo_model_ships_calibrated_and_the_others_say_provisional():
    for space in SPACES.values():
        expected = ScalesOrigin.CALIBRATED if space.id == DEMO_SPACE_ID else ScalesOrigin.PROVISIONAL
        assert space.static_scales.origin is expected
