"""A UNet's numbers from the keys and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

from comfy.errors import WeightsShapeError
from comfy.models.unet.config import UNetConfig

Shapes = Mapping[str, tuple[int, ...]]

MAX_BLOCKS = 256
"""More blocks than any UNet has; a bound for loops over keys that strangers wrote."""

SIGNATURE_KEYS = (
    "input_blocks.0.0.weight",
    "time_embed.0.weight",
    "out.2.weight",
    "middle_block.0.in_layers.2.weight",
)


def looks_like_unet(shapes: Shapes) -> bool:
    """Whether the keys (without prefix) are those of a latent-diffusion UNet over images, not over video."""
    return all(key in shapes for key in SIGNATURE_KEYS) and not any(
        ".time_stack." in key or ".time_mixer." in key for key in shapes
    )


def detect_unet_config(shapes: Shapes) -> UNetConfig:
    """Everything about a UNet but its head and group counts, which shapes do not tell.

    Shape keys are without prefix. Raises: WeightsShapeError naming the key where a block is missing or odd.
    """
    model_channels, in_channels = _shape(shapes, "input_blocks.0.0.weight", 4)[:2]
    mults: list[int] = []
    blocks: list[int] = []
    depths: list[int] = []
    count = 0
    num_input = count_indices(shapes, "input_blocks.")
    for i in range(1, num_input):
        prefix = f"input_blocks.{i}."
        if f"{prefix}0.op.weight" in shapes:
            blocks.append(count)
            count = 0
            continue
        width = _shape(shapes, f"{prefix}0.out_layers.3.weight", 4)[0]
        if count == 0:
            mults.append(_multiple(width, model_channels, f"{prefix}0.out_layers.3.weight"))
        count += 1
        depths.append(transformer_depth(shapes, f"{prefix}1."))
    blocks.append(count)
    if len(mults) != len(blocks) or not all(blocks):
        raise WeightsShapeError(
            "a level of the UNet has no residual block", key=f"input_blocks.{num_input - 1}."
        )
    num_output = count_indices(shapes, "output_blocks.")
    if num_output != sum(blocks) + len(blocks):
        raise WeightsShapeError(
            "the UNet's way up does not match its way down",
            key=f"output_blocks.{num_output}.",
            expected=f"{sum(blocks) + len(blocks)} blocks",
            found=str(num_output),
        )
    up = [transformer_depth(shapes, f"output_blocks.{i}.1.") for i in range(num_output)]
    attention = next((key for key in shapes if key.endswith(".attn2.to_k.weight")), None)
    projection = next((key for key in shapes if key.endswith(".1.proj_in.weight")), None)
    return UNetConfig(
        in_channels=in_channels,
        out_channels=_shape(shapes, "out.2.weight", 4)[0],
        model_channels=model_channels,
        num_res_blocks=tuple(blocks),
        channel_mult=tuple(mults),
        transformer_depth=tuple(depths),
        transformer_depth_output=tuple(reversed(up)),
        transformer_depth_middle=(
            transformer_depth(shapes, "middle_block.1.") if "middle_block.1.norm.weight" in shapes else None
        ),
        context_dim=None if attention is None else _shape(shapes, attention, 2)[1],
        use_linear_in_transformer=projection is not None and len(shapes[projection]) == 2,
        adm_in_channels=(
            _shape(shapes, "label_emb.0.0.weight", 2)[1] if "label_emb.0.0.weight" in shapes else None
        ),
    )


def count_indices(shapes: Shapes, prefix: str) -> int:
    """How many consecutive numbers from 0 follow `prefix` in the keys.

    Raises: WeightsShapeError above MAX_BLOCKS.
    """
    pattern = re.compile(re.escape(prefix) + r"(\d{1,6})\.")
    found = {int(match[1]) for key in shapes if (match := pattern.match(key))}
    count = 0
    while count in found:
        count += 1
    if count > MAX_BLOCKS:
        raise WeightsShapeError("more blocks than any network has", key=prefix, found=str(count))
    return count


def transformer_depth(shapes: Shapes, prefix: str) -> int:
    """How many transformer blocks stand below a prefix."""
    return count_indices(shapes, f"{prefix}transformer_blocks.")


def _shape(shapes: Shapes, key: str, dims: int) -> tuple[int, ...]:
    shape = shapes.get(key)
    if shape is None or len(shape) != dims or 0 in shape:
        raise WeightsShapeError(
            "a weight of the UNet is missing or has another form",
            key=key,
            expected=f"{dims} dimensions",
            found="nothing" if shape is None else str(list(shape)),
        )
    return tuple(shape)


def _multiple(width: int, base: int, key: str) -> int:
    if width % base:
        raise WeightsShapeError(
            "a level's width is no multiple of the first",
            key=key,
            expected=f"a multiple of {base}",
            found=str(width),
        )
    return width // base
