"""Latents become pictures and clips where they arrive, with a VAE of one's own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from codec_transport.client.decoding import decode_latents, save_pixels, to_samples
from codec_transport.errors import LocalProtocolError
from codec_transport.spaces.affine import from_model_space, to_model_space
from codec_transport.spaces.builtin import builtin_spaces
from codec_transport.wire.messages import LatentStreamHeader

SPACES = {space.id: space for space in builtin_spaces()}


class HalvingVAE:
    """Pixels are the first three channels, each cell as 8x8 pixels."""

    def decode(self, samples: torch.Tensor) -> torch.Tensor:
        big = samples[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)
        return big.movedim(1, -1).clamp(0, 1)


def header(space_id: str = "codec-comfyui/demo-sd1", factor: float | None = None) -> LatentStreamHeader:
    return LatentStreamHeader(space_id, (4, 2, 3), "fp16", "raw", None, 5, None, factor)


@pytest.mark.parametrize("space_id", sorted(SPACES))
def test_what_travels_is_undone_for_every_space(space_id: str) -> None:
    space = SPACES[space_id]
    samples = torch.randn(
        1, space.shape[0], 3, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    there = to_model_space(samples, space)
    assert torch.allclose(from_model_space(there, space), samples, atol=1e-9)
    clip = samples[:, :, None]
    assert torch.allclose(from_model_space(to_model_space(clip, space), space), clip, atol=1e-9)


def test_an_unknown_space_is_scaled_by_what_its_header_says() -> None:
    latent = torch.ones(1, 4, 2, 3)
    assert to_samples(latent, header("some/space", 0.5)).unique().tolist() == [2.0]
    assert to_samples(latent, header("some/space")).unique().tolist() == [1.0]
    assert to_samples(latent, header(factor=0.9)).unique().tolist() == pytest.approx([1 / 0.18215])


def test_frames_are_decoded_one_by_one_in_order() -> None:
    latents = [np.full((4, 2, 3), 0.18215 * i / 10, np.float32) for i in range(4)]
    pixels = decode_latents(iter(latents), header(), HalvingVAE())
    assert pixels.shape == (4, 16, 24, 3)
    assert pixels.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=1e-6)
    with pytest.raises(LocalProtocolError):
        decode_latents([], header(), HalvingVAE())


def test_a_picture_is_a_png_and_a_clip_an_mp4_of_its_rate(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    pixels = torch.rand(6, 16, 24, 3)
    save_pixels(pixels, tmp_path / "a.png")
    assert Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())).size == (24, 16)
    save_pixels(pixels, tmp_path / "a.mp4", 5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 5
        assert len(list(container.decode(stream))) == 6
