"""Detection in the form in which packs call it. Door: `comfy.model_detection`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from comfy.errors import UnknownModelError
from comfy.models.base import ModelConfig
from comfy.models.families import detect_family, diffusion_prefix
from comfy.weights.assign import shapes_of


def count_blocks(state_dict_keys: Iterable[str], prefix_string: str) -> int:
    """How many consecutive numbers from 0 stand at the place "{}" of a prefix such as "input_blocks.{}."."""
    keys = list(state_dict_keys)
    count = 0
    while any(key.startswith(prefix_string.format(count)) for key in keys):
        count += 1
    return count


def unet_prefix_from_state_dict(state_dict: Mapping[str, Tensor]) -> str:
    """What stands in front of the diffusion network's keys."""
    return diffusion_prefix(list(state_dict))


def model_config_from_unet(
    state_dict: Mapping[str, Tensor],
    unet_key_prefix: str,
    use_base_if_no_match: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> ModelConfig | None:
    """What is known of a diffusion network by its keys below a prefix, None for an unknown one.

    Raises: WeightsShapeError when the family is known but numbers do not fit.
    """
    try:
        family, config = detect_family(shapes_of(state_dict, unet_key_prefix), dict(metadata or {}))
    except UnknownModelError:
        return None
    return family.model_config(config)


def detect_unet_config(
    state_dict: Mapping[str, Tensor], key_prefix: str, metadata: Mapping[str, str] | None = None
) -> dict[str, Any] | None:
    """The numbers of a diffusion network as plain data, None for an unknown one."""
    config = model_config_from_unet(state_dict, key_prefix, metadata=metadata)
    return None if config is None else config.unet_config
