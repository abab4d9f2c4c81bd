"""The spaces that ship."""

from __future__ import annotations

import struct

import pytest

from codec_transport.spaces.builtin import builtin_spaces, provisional_scales
from codec_transport.spaces.space import ScalesOrigin

SPACES = builtin_spaces()


def test_sd1_and_the_demo_model_are_there():
    assert [space.id for space in SPACES] == ["stabilityai/sd-vae-ft-mse", "codec-comfyui/demo-sd1"]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.id)
def test_every_documented_pipeline_works_out_of_the_box(space):
    assert len(space.pipelines) == 7
    assert (space.shape[0], space.dtype, space.vae_scale_factor) == (4, "fp16", 0.18215)


def test_provisional_block_is_four_and_a_half_deviations():
    scales = provisional_scales((1.0, 2.0))
    assert struct.unpack("<2e", scales.block) == (4.5, 9.0)
    assert scales.origin is ScalesOrigin.PROVISIONAL
