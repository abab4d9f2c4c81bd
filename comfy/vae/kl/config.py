"""Numbers of a KL autoencoder, and how they are read from keys and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comfy.errors import WeightsShapeError
from comfy.weights.metadata import check_divides, count_list, per_level

Shapes = Mapping[str, tuple[int, ...]]

GROUPS_KEY = "codec.sd1.vae_groups"
"""Metadata key for the group counts: one number, or one per level from full resolution down."""

DEFAULT_GROUPS = 32
MAX_LEVELS = 16

SIGNATURE_KEYS = ("decoder.conv_in.weight", "decoder.conv_out.weight", "decoder.mid.attn_1.q.weight")


@dataclass(frozen=True)
class KlConfig:
    """A KL autoencoder. Levels count from full resolution.

    `groups` has one number per level; input and output use the first, the middle uses the last, and a norm between
    two levels uses the level whose width it normalises. `has_quant` tells of 1x1 convolutions around the latent.
    """

    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    z_channels: int
    image_channels: int
    has_encoder: bool
    has_quant: bool
    groups: tuple[int, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.ch * mult for mult in self.ch_mult)

    @property
    def downscale(self) -> int:
        """Pixels per latent, along height and width."""
        return 2 ** (len(self.ch_mult) - 1)


def detect(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> KlConfig | None:
    """The numbers of a KL autoencoder, or None when the keys (without prefix) are of another kind.

    Raises: WeightsShapeError when the keys are right but the numbers do not fit together.
    """
    if not all(len(shapes.get(key, ())) == 4 for key in SIGNATURE_KEYS):
        return None
    if any(".time_stack." in key or ".time_mix_conv." in key for key in shapes):
        return None  # the same names with layers over time between them: a video decoder
    num_levels = 0
    while f"decoder.up.{num_levels}.block.0.conv1.weight" in shapes and num_levels < MAX_LEVELS:
        num_levels += 1
    num_blocks = 0
    while f"decoder.up.0.block.{num_blocks}.conv1.weight" in shapes and num_blocks < MAX_LEVELS:
        num_blocks += 1
    if num_levels == 0 or num_blocks < 2:
        raise WeightsShapeError("the autoencoder has no levels", key="decoder.up.0.block.0.conv1.weight")
    widths = [_width(shapes, f"decoder.up.{level}.block.0.conv2.weight") for level in range(num_levels)]
    ch = widths[0]
    if any(width % ch for width in widths):
        raise WeightsShapeError(
            "a level's width is no multiple of the first",
            key="decoder.up",
            expected=str(ch),
            found=str(widths),
        )
    groups = per_level(count_list(metadata, GROUPS_KEY, DEFAULT_GROUPS), num_levels, GROUPS_KEY)
    for level, (width, count) in enumerate(zip(widths, groups, strict=True)):
        check_divides(count, width, key=GROUPS_KEY, what=f"group norm of VAE level {level}")
    return KlConfig(
        ch=ch,
        ch_mult=tuple(width // ch for width in widths),
        num_res_blocks=num_blocks - 1,
        z_channels=shapes["decoder.conv_in.weight"][1],
        image_channels=shapes["decoder.conv_out.weight"][0],
        has_encoder="encoder.conv_in.weight" in shapes,
        has_quant="post_quant_conv.weight" in shapes,
        groups=groups,
    )


def _width(shapes: Shapes, key: str) -> int:
    shape = shapes.get(key, ())
    if len(shape) != 4 or shape[0] == 0:
        raise WeightsShapeError(
            "a weight of the autoencoder is missing or has another form",
            key=key,
            expected="4 dimensions",
            found=str(list(shape)),
        )
    return shape[0]
