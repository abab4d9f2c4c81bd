"""The list of autoencoder families, and what the VAE object needs of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from comfy.errors import UnknownModelError
from comfy.vae.kl.config import KlConfig
from comfy.vae.kl.config import detect as detect_kl
from comfy.vae.kl.network import AutoencoderKL
from comfy.vae.pixel_space import PIXEL_SPACE_KEY, PixelSpace
from comfy.weights.assign import assign_weights, shapes_of, strip_prefix

CHECKPOINT_PREFIX = "first_stage_model."

DECODE_BYTES_PER_PIXEL = 4200
ENCODE_BYTES_PER_PIXEL = 2800
"""Measured peak of SD1's autoencoder (128 channels at full resolution) in float32 on the CPU at 256 pixels."""


@dataclass(frozen=True)
class VaeTraits:
    """What the VAE object needs to know beside the network.

    `downscale` and `upscale` are pixels per latent along height and width; bytes are for float32 activations.
    """

    latent_channels: int
    output_channels: int
    downscale: int
    upscale: int
    latent_dim: int = 2
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
    state_dict = normalise_attention(state_dict)
    kl = detect_kl(shapes_of(state_dict), metadata)
    if kl is None:
        raise UnknownModelError(
            "the weights are no autoencoder known here",
            key=min(state_dict, default=""),
            expected="a KL autoencoder with keys like decoder.conv_in.weight",
            found=f"{len(state_dict)} keys",
        )
    return _build_kl(kl, state_dict), VaeTraits(
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


def _build_kl(config: KlConfig, state_dict: Mapping[str, Tensor]) -> nn.Module:
    with torch.device("meta"):
        network = AutoencoderKL(config)
    assign_weights(network, state_dict, prefix=CHECKPOINT_PREFIX)
    return network.eval()
