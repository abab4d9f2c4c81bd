"""How an SD1 network is recognised, and which of its numbers come from metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from comfy.models.unet.config import UNetConfig
from comfy.models.unet.detect import detect_unet_config, looks_like_unet
from comfy.weights.metadata import count_list, per_level

UNET_HEADS_KEY = "codec.sd1.unet_heads"
UNET_GROUPS_KEY = "codec.sd1.unet_groups"
TEXT_HEADS_KEY = "codec.sd1.text_heads"

UNET_HEADS_DEFAULT = 8
UNET_GROUPS_DEFAULT = 32
TEXT_HEADS_DEFAULT = 12

LATENT_CHANNELS = 4


def detect(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> UNetConfig | None:
    """The numbers of an SD1 UNet from its keys (without prefix), or None when they are another family's.

    SD1 differs from SD2 and SDXL, whose UNets have the same names, by convolutional projections and by having no
    vector condition. Raises: WeightsShapeError naming the weight or the metadata key that does not fit.
    """
    if not looks_like_unet(shapes):
        return None
    config = detect_unet_config(shapes)
    is_sd1 = (
        config.in_channels == LATENT_CHANNELS
        and config.adm_in_channels is None
        and config.context_dim is not None
        and not config.use_linear_in_transformer
    )
    if not is_sd1:
        return None
    heads = count_list(metadata, UNET_HEADS_KEY, UNET_HEADS_DEFAULT)
    (groups, *more) = count_list(metadata, UNET_GROUPS_KEY, UNET_GROUPS_DEFAULT)
    if more:
        per_level((groups, *more), 1, UNET_GROUPS_KEY)
    config = replace(
        config, num_heads=per_level(heads, len(config.channel_mult), UNET_HEADS_KEY), groups=groups
    )
    config.validate(heads_key=UNET_HEADS_KEY, groups_key=UNET_GROUPS_KEY)
    return config
