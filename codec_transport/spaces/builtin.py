"""The latent spaces that ship with the server.

Static scales are 4.5 for every channel of both, a *provisional* block, and this is where the number is
from. What travels is the model-space latent. The factor of the SD1 space was chosen so that such latents
have unit standard deviation (Rombach et al. 2022, arXiv 2112.10752, appendix on rescaled latents), and
the demo autoencoder is whitened to unit variance per channel by its training. 4.5 standard deviations
clamp 7e-6 of a Gaussian. Single channels of real SD1 latents are narrower and off centre; 4.5 covers
them too, at the price of up to half a bit of resolution until the block is calibrated from real latents.
"""

from __future__ import annotations

import struct

from codec_transport.spaces.space import (
    IMAGE_LATENTS,
    MODALITIES,
    DecoderNote,
    LatentSpace,
    ScalesOrigin,
    StaticScales,
)

PROVISIONAL_DEVIATIONS = 4.5

SD1_SPACE_ID = "stabilityai/sd-vae-ft-mse"
DEMO_SPACE_ID = "codec-comfyui/demo-sd1"


def provisional_scales(deviations: tuple[float, ...]) -> StaticScales:
    """A block of 4.5 standard deviations per channel. deviations: of the model-space latent, per channel."""
    numbers = [PROVISIONAL_DEVIATIONS * deviation for deviation in deviations]
    return StaticScales(
        struct.pack(f"<{len(numbers)}e", *numbers),
        ScalesOrigin.PROVISIONAL,
        f"{PROVISIONAL_DEVIATIONS} standard deviations per channel, not measured on real latents",
    )


def _sd1_like(
    space_id: str, native_size: int, modalities: frozenset[str] = frozenset({IMAGE_LATENTS})
) -> LatentSpace:
    """A space of the SD1 autoencoder's layout. native_size: pixels along one side."""
    return LatentSpace(
        id=space_id,
        version="1",
        shape=(4, native_size // 8, native_size // 8),
        dtype="fp16",
        static_scales=provisional_scales((1.0, 1.0, 1.0, 1.0)),
        vae_scale_factor=0.18215,
        modalities=modalities,
        decoder=DecoderNote("torch", "AutoencoderKL"),
    )


def builtin_spaces() -> tuple[LatentSpace, ...]:
    """Every built-in space."""
    return (_sd1_like(SD1_SPACE_ID, 512), _sd1_like(DEMO_SPACE_ID, 256, frozenset(MODALITIES)))
