"""The VAE whose latents are pixels."""

from __future__ import annotations

import torch

from comfy.vae.autoencoder import VAE
from comfy.vae.pixel_space import PIXEL_SPACE_WEIGHTS


def test_pixels_survive_the_way_there_and_back_and_latents_are_between_minus_one_and_one():
    vae = VAE.from_state_dict(PIXEL_SPACE_WEIGHTS)
    pixels = torch.rand(2, 5, 7, 3)
    latent = vae.encode(pixels)
    assert latent.shape == (2, 3, 5, 7)
    torch.testing.assert_close(latent, pixels.movedim(-1, 1) * 2 - 1)
    torch.testing.assert_close(vae.decode(latent), pixels)
