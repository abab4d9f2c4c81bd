"""The latent spaces that ship with the server.

What travels is the model-space latent, which every family's numbers bring to unit standard deviation per
channel: the one factor of SD1 and SDXL (Rombach et al. 2022, arXiv 2112.10752, appendix on rescaled latents),
factor and shift of SD3 and Flux, mean and deviation per channel of Wan; LTX-Video's autoencoder does so itself,
the demo model's is whitened by its training. The numbers are those that the models are run with
(`comfy/latents/factors.json`); there is no second copy.

Static scales that nobody has measured are *provisional*: 4.5 standard deviations per channel, which clamps
7e-6 of a Gaussian. Single channels are narrower and off centre; 4.5 covers them too, at the price of up to
half a bit of resolution until a block is calibrated from real latents. Calibrated blocks and dictionaries
that ship lie in `data`, in the form of an operator's maps directory.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from codec_transport.spaces.maps_directory import spaces_with
from codec_transport.spaces.space import (
    IMAGE_LATENTS,
    VIDEO_LATENTS,
    DecoderNote,
    LatentSpace,
    ScalesOrigin,
    StaticScales,
)

PROVISIONAL_DEVIATIONS = 4.5

SD1_SPACE_ID = "stabilityai/sd-vae-ft-mse"
DEMO_SPACE_ID = "codec-comfyui/demo-sd1"
SDXL_SPACE_ID = "stabilityai/sdxl-vae"
SD3_SPACE_ID = "stabilityai/sd3-vae"
FLUX_SPACE_ID = "black-forest-labs/flux-vae"
LTXV_SPACE_ID = "lightricks/ltx-video-vae"
WAN21_SPACE_ID = "stabilityai/wan-vae-2.1"  # the id under which the wire's documents know it
WAN22_SPACE_ID = "wan-ai/wan-vae-2.2"

DATA_DIRECTORY = Path(__file__).with_name("data")

_IMAGES = frozenset({IMAGE_LATENTS})
_VIDEO = frozenset({VIDEO_LATENTS})


def provisional_scales(deviations: tuple[float, ...]) -> StaticScales:
    """A block of 4.5 standard deviations per channel. deviations: of the model-space latent, per channel."""
    numbers = [PROVISIONAL_DEVIATIONS * deviation for deviation in deviations]
    return StaticScales(
        struct.pack(f"<{len(numbers)}e", *numbers),
        ScalesOrigin.PROVISIONAL,
        f"{PROVISIONAL_DEVIATIONS} standard deviations per channel, not measured on real latents",
    )


@cache
def _factors() -> dict[str, dict[str, Any]]:
    """Latent format -> its numbers. Read as a file: the module beside it would bring in torch."""
    table: dict[str, dict[str, Any]] = json.loads(
        files("comfy.latents").joinpath("factors.json").read_text("utf-8")
    )
    return table


def _space(
    space_id: str, latent_format: str, native: tuple[int, int], model_class: str, **more: Any
) -> LatentSpace:
    """A space by its format. native: rows and columns of the native frame. more: fields that are not default."""
    numbers = _factors()[latent_format]
    channels, mean, std = numbers["latent_channels"], numbers.get("latents_mean"), numbers.get("latents_std")
    factor = numbers.get("scale_factor", 1.0)
    return LatentSpace(
        id=space_id,
        version="1",
        shape=(channels, *native),
        dtype="fp16",
        static_scales=provisional_scales((1.0,) * channels),
        spatial_stride=numbers.get("spacial_downscale_ratio", 8),
        vae_scale_factor=None if factor == 1.0 else factor,
        vae_shift_factor=numbers.get("shift_factor"),
        latents_mean=None if mean is None else tuple(mean),
        latents_std=None if std is None else tuple(std),
        decoder=DecoderNote("torch", model_class),
        **more,
    )


@cache
def builtin_spaces() -> tuple[LatentSpace, ...]:
    """Every built-in space, with the calibrated blocks and dictionaries that ship.

    The native frame is the family's usual size in its own strides: 512 pixels for SD1, 128 for the demo model,
    1024 for SDXL, SD3 and Flux, 768x512 for LTX-Video, 832x480 and 1280x704 for Wan.
    """
    kl = "AutoencoderKL"
    return spaces_with(
        DATA_DIRECTORY,
        (
            _space(SD1_SPACE_ID, "SD15", (64, 64), kl, modalities=_IMAGES),
            _space(DEMO_SPACE_ID, "SD15", (16, 16), kl, modalities=_IMAGES | _VIDEO),
            _space(SDXL_SPACE_ID, "SDXL", (128, 128), kl, modalities=_IMAGES),
            _space(SD3_SPACE_ID, "SD3", (128, 128), kl, modalities=_IMAGES),
            _space(FLUX_SPACE_ID, "Flux", (128, 128), kl, modalities=_IMAGES),
            _space(
                LTXV_SPACE_ID, "LTXV", (16, 24), "AutoencoderKLLTXVideo", modalities=_VIDEO, temporal_stride=8
            ),
            _space(
                WAN21_SPACE_ID, "Wan21", (60, 104), "AutoencoderKLWan", modalities=_VIDEO, temporal_stride=4
            ),
            _space(
                WAN22_SPACE_ID, "Wan22", (44, 80), "AutoencoderKLWan", modalities=_VIDEO, temporal_stride=4
            ),
        ),
    )
