"""The list of autoencoder families, and what the VAE object needs of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from comfy.errors import UnknownModelError
from comfy.vae.kl.config import detect as detect_kl
from comfy.vae.kl.network import AutoencoderKL
from comfy.vae.pixel_space import PIXEL_SPACE_KEY, PixelSpace
from comfy.vae.wan21.config import detect as detect_wan21
from comfy.vae.wan21.network import WanVAE
from comfy.weights.assign import assign_weights, shapes_of, strip_prefix

CHECKPOINT_PREFIX = "first_stage_model."

DECODE_BYTES_PER_PIXEL = 4200
ENCODE_BYTES_PER_PIXEL = 2800
"""Measured peak of SD1's autoencoder (128 channels at full resolution) in float32 on the CPU at 256 pixels."""

WAN21_DECODE_BYTES_PER_PIXEL = 17_200
WAN21_ENCODE_BYTES_PER_PIXEL = 13_300
"""Four frames at a time and what is kept between them: 14.7 and 11.4 GiB for 1280x720, allocations counted."""


@dataclass(frozen=True)
class VaeTraits:
    """What the VAE object needs to know beside the network.

    `downscale` and `upscale` are pixels per latent along height and width; bytes are for float32 activations, of a
    video per pixel of one frame. `latent_dim` 3 is a video's, with `frames_per_latent` after the first one.
    """

    latent_channels: int
    output_channels: int
    downscale: int
    upscale: int
    latent_dim: int = 2
    frames_per_latent: int | None = None
    decode_bytes_per_pixel: int = DECODE_BYTES_PER_PIXEL
    encode_bytes_per_pixel: int = ENCODE_BYTES_PER_PIXEL


def build_vae(
    state_dict: Mapping[str, Tensor], metadata: Mapping[str, str] | None
) -> tuple[nn.Module, VaeTraits]:
    """The network with its weights in float32, and its traits. Keys with or without a checkpoint's prefix.

    Raises: UnknownModelError when the keys are no autoencoder's; WeightsShapeError when numbers do not fit.
    """
    if any(key.startswith(CHECKPOINT_PREFIX) for key in state_dict):
        state_dict = strip_prefix(state_dict, CHECKPOINT_PREFIX)
    if PIXEL_SPACE_KEY in state_dict:
        return PixelSpace(), VaeTraits(latent_channels=3, output_channels=3, downscale=1, upscale=1)
    wan21 = detect_wan21(shapes_of(state_dict))
    if wan21 is not None:
        return _assigned(WanVAE, wan21, state_dict), VaeTraits(
            latent_channels=wan21.latent_channels,
            output_channels=wan21.image_channels,
            downscale=wan21.downscale,
            upscale=wan21.downscale,
            latent_dim=3,
            frames_per_latent=wan21.frames_per_latent,
            decode_bytes_per_pixel=WAN21_DECODE_BYTES_PER_PIXEL,
            encode_bytes_per_pixel=WAN21_ENCODE_BYTES_PER_PIXEL,
        )
    state_dict = normalise_attention(state_dict)
    kl = detect_kl(shapes_of(state_dict), metadata)
    if kl is None:
        raise UnknownModelError(
            "the weights are no autoencoder known here",
            key=min(state_dict, default=""),
            expected="a KL autoencoder with keys like decoder.conv_in.weight",
            found=f"{len(state_dict)} keys",
        )
    return _assigned(AutoencoderKL, kl, state_dict), VaeTraits(
        latent_channels=kl.z_channels,
        output_channels=kl.image_channels,
        downscale=kl.downscale,
        upscale=kl.downscale,
    )


def normalise_attention(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Attention weights that a conversion stored as matrices, as the 1x1 convolutions they stand for."""
    return {
        key: tensor[:, :, None, None] if ".attn_1." in key and tensor.dim() == 2 else tensor
        for key, tensor in state_dict.items()
    }


def _assigned(family: Callable[[Any], nn.Module], config: Any, state_dict: Mapping[str, Tensor]) -> nn.Module:
    with torch.device("meta"):
        network = family(config)
    assign_weights(network, state_dict, prefix=CHECKPOINT_PREFIX)
    return network.eval()
