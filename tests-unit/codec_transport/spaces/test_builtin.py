"""The spaces that ship."""

from __future__ import annotations

import struct
import subprocess
import sys

import pytest
import torch

from codec_transport.spaces import builtin
from codec_transport.spaces.affine import to_model_space
from codec_transport.spaces.builtin import builtin_spaces, provisional_scales
from codec_transport.spaces.space import ScalesOrigin
from comfy.latents import formats

SPACES = {space.id: space for space in builtin_spaces()}

# id -> latent format, channels, spatial and temporal stride, rows and columns of the native frame
EXPECTED = {
    "stabilityai/sd-vae-ft-mse": ("SD15", 4, 8, 1, (64, 64)),
    "codec-comfyui/demo-sd1": ("SD15", 4, 8, 1, (16, 16)),
    "stabilityai/sdxl-vae": ("SDXL", 4, 8, 1, (128, 128)),
    "stabilityai/sd3-vae": ("SD3", 16, 8, 1, (128, 128)),
    "black-forest-labs/flux-vae": ("Flux", 16, 8, 1, (128, 128)),
    "lightricks/ltx-video-vae": ("LTXV", 128, 32, 8, (16, 24)),
    "stabilityai/wan-vae-2.1": ("Wan21", 16, 8, 4, (60, 104)),
    "wan-ai/wan-vae-2.2": ("Wan22", 48, 16, 4, (44, 80)),
}


def test_every_promised_space_is_there():
    assert list(SPACES) == list(EXPECTED)


@pytest.mark.parametrize("space_id", EXPECTED)
def test_facts_are_those_of_the_family(space_id):
    _, channels, spatial_stride, temporal_stride, native = EXPECTED[space_id]
    space = SPACES[space_id]
    assert (space.shape, space.dtype) == ((channels, *native), "fp16")
    assert (space.spatial_stride, space.temporal_stride) == (spatial_stride, temporal_stride)


@pytest.mark.parametrize("space_id", EXPECTED)
def test_every_documented_pipeline_works_out_of_the_box(space_id):
    assert len(SPACES[space_id].pipelines) == 7


@pytest.mark.parametrize("space_id", EXPECTED)
def test_numbers_that_travel_are_those_the_model_sees(space_id):
    latent_format = getattr(formats, EXPECTED[space_id][0])()
    channels = EXPECTED[space_id][1]
    rank = 5 if latent_format.latent_dimensions == 3 else 4
    samples = torch.randn(1, channels, *(3,) * (rank - 2), generator=torch.Generator().manual_seed(1))
    found = to_model_space(samples, SPACES[space_id])
    torch.testing.assert_close(found, latent_format.process_in(samples), atol=1e-5, rtol=1e-5)


def test_blocks_nobody_measured_are_four_and_a_half_deviations_and_say_so():
    for space in SPACES.values():
        assert space.static_scales is not None
        if space.static_scales.origin is ScalesOrigin.PROVISIONAL:
            assert set(struct.unpack(f"<{space.shape[0]}e", space.static_scales.block)) == {4.5}
    scales = provisional_scales((1.0, 2.0))
    assert struct.unpack("<2e", scales.block) == (4.5, 9.0)
    assert scales.origin is ScalesOrigin.PROVISIONAL


def test_spaces_load_without_torch():
    code = "import sys; from codec_transport.spaces.builtin import builtin_spaces; builtin_spaces(); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_what_ships_calibrated_lies_in_the_data_folder():
    assert builtin.DATA_DIRECTORY.is_dir()
