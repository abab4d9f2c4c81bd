"""Latent formats: how a family's latents are scaled for its network, and how they look as a small RGB picture.

A stored latent (socket LATENT) is what the VAE gives; `process_in` brings it to the network's scale, `process_out`
back. The numbers live in `factors.json` beside this file, one entry per class below. Class names are those that
packs import from `comfy.latent_formats`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor


@cache
def factors() -> dict[str, dict[str, Any]]:
    """The table of `factors.json`: class name to its numbers."""
    return json.loads(Path(__file__).with_name("factors.json").read_text(encoding="utf-8"))


class LatentFormat:
    """Scale and shift of one latent space, and what previews need.

    `latent_dimensions` is 1 for audio, 2 for images, 3 for video. `latent_rgb_factors` has one row (r, g, b) per
    channel for latents at the network's scale, or is None.
    """

    scale_factor: float = 1.0
    shift_factor: float | None = None
    latent_channels: int = 4
    latent_dimensions: int = 2
    spacial_downscale_ratio: int = 8
    latent_rgb_factors: list[list[float]] | None = None
    latent_rgb_factors_bias: list[float] | None = None
    latent_rgb_factors_reshape: Any = None
    taesd_decoder_name: str | None = None
    latents_mean: ClassVar[list[float] | None] = None
    latents_std: ClassVar[list[float] | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, value in factors().get(cls.__name__, {}).items():
            setattr(cls, name, value)

    def process_in(self, latent: Tensor) -> Tensor:
        """The latent at the network's scale: (latent - shift) * scale, per channel where the space says so."""
        mean, std = self._statistics(latent)
        if mean is not None and std is not None:
            return (latent - mean) * self.scale_factor / std
        if self.shift_factor is not None:
            latent = latent - self.shift_factor
        return latent * self.scale_factor

    def process_out(self, latent: Tensor) -> Tensor:
        """The inverse of `process_in`."""
        mean, std = self._statistics(latent)
        if mean is not None and std is not None:
            return latent * std / self.scale_factor + mean
        latent = latent / self.scale_factor
        return latent if self.shift_factor is None else latent + self.shift_factor

    def _statistics(self, latent: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Mean and deviation per channel, shaped to the latent (B,C,...), or None."""
        if self.latents_mean is None or self.latents_std is None:
            return None, None
        shape = (1, -1) + (1,) * (latent.dim() - 2)
        return tuple(
            torch.tensor(values, dtype=latent.dtype, device=latent.device).view(shape)
            for values in (self.latents_mean, self.latents_std)
        )  # type: ignore[return-value]  # a generator of two


class SD15(LatentFormat):
    """Stable Diffusion 1 and 2."""

    def __init__(self, scale_factor: float = 0.18215) -> None:
        self.scale_factor = scale_factor


class SDXL(LatentFormat):
    """Stable Diffusion XL."""


class SDXL_Playground_2_5(LatentFormat):
    """Playground 2.5: SDXL's autoencoder, normalised per channel."""


class SD_X4(LatentFormat):
    """The four times upscaler of Stable Diffusion 2."""


class SC_Prior(LatentFormat):
    """Stable Cascade, stage C."""


class SC_B(LatentFormat):
    """Stable Cascade, stage B."""


class SD3(LatentFormat):
    """Stable Diffusion 3."""


class Flux(SD3):
    """Flux."""


class StableAudio1(LatentFormat):
    """Stable Audio Open."""


class Mochi(LatentFormat):
    """Mochi 1."""


class LTXV(LatentFormat):
    """LTX-Video."""


class HunyuanVideo(LatentFormat):
    """HunyuanVideo."""


class Cosmos1CV8x8x8(LatentFormat):
    """Cosmos 1."""


class Wan21(LatentFormat):
    """Wan 2.1."""


class Wan22(Wan21):
    """Wan 2.2 with the 48-channel autoencoder."""


class HunyuanImage21(LatentFormat):
    """HunyuanImage 2.1."""


class Hunyuan3Dv2(LatentFormat):
    """Hunyuan3D 2."""


class Hunyuan3Dv2_1(LatentFormat):
    """Hunyuan3D 2.1."""


class Hunyuan3Dv2mini(LatentFormat):
    """Hunyuan3D 2 mini."""


class ACEAudio(LatentFormat):
    """ACE-Step."""


class ChromaRadiance(LatentFormat):
    """Chroma Radiance works on pixels."""

    def process_in(self, latent: Tensor) -> Tensor:
        """Pixels, unchanged."""
        return latent

    def process_out(self, latent: Tensor) -> Tensor:
        """Pixels, unchanged."""
        return latent
