"""The value of a weight under its patches.

A patch is an entry (strength, value, model strength, offset, function). `value` is one of

- a tensor in a tuple, or ("diff", (tensor,)) or ("diff", (tensor, {"pad_weight": True})): added,
- ("set", (tensor,)): replaces the weight, whatever the strength,
- an adapter of `comfy.patching.adapters`: computes its own change,
- a list [(weight, convert), patch, ...] as `ModelPatcher.get_key_patches` gives it: another model's weight, patched
  and then added.

`offset` (dim, start, length) confines a patch to a slice; `function` is applied to what is added.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from comfy.patching.adapters.base import WeightAdapter

logger = logging.getLogger(__name__)


class Patch(NamedTuple):
    """One change of one weight; a plain tuple to packs."""

    strength: float
    value: Any
    strength_model: float = 1.0
    offset: tuple[int, int, int] | None = None
    function: Callable[[Tensor], Tensor] | None = None


def calculate_weight(
    patches: Sequence[tuple[Any, ...]],
    weight: Tensor,
    key: str,
    intermediate_dtype: torch.dtype = torch.float32,
    original_weights: dict[str, Any] | None = None,
) -> Tensor:
    """The weight after all patches, in order. `weight` may be changed in place: give a copy.

    A patch that does not fit the weight is logged and left out, so one odd file does not stop a picture.
    """
    for patch in patches:
        strength, value, strength_model, offset, function = Patch(*patch)
        target = weight if offset is None else weight.narrow(*offset)
        if strength_model != 1.0:
            target *= strength_model
        if isinstance(value, WeightAdapter):
            try:
                changed = value.apply(target, strength, function or _unchanged, intermediate_dtype)
            except (RuntimeError, ValueError) as error:
                logger.warning("patch %s does not fit %s: %s", value.name, key, error)
                continue
        else:
            changed = _apply_tensor(value, target, key, strength, function or _unchanged, intermediate_dtype)
        if offset is None:
            weight = changed
        elif changed is not target:
            target.copy_(changed)
    return weight


def _apply_tensor(
    value: Any,
    weight: Tensor,
    key: str,
    strength: float,
    function: Callable[[Tensor], Tensor],
    dtype: torch.dtype,
) -> Tensor:
    if isinstance(value, list):
        other, convert = value[0]
        base = (
            convert(other.to(weight.device, dtype, copy=True), inplace=True)
            if convert
            else other.to(dtype, copy=True)
        )
        kind, content = "diff", (calculate_weight(value[1:], base, key, dtype),)
    elif len(value) == 1:
        kind, content = "diff", value
    else:
        kind, content = value
    tensor: Tensor = content[0]
    if kind == "set":
        return tensor.to(weight.device, weight.dtype, copy=True)
    if kind != "diff":
        logger.warning("patch of unknown kind %r on %s is left out", kind, key)
        return weight
    if strength == 0.0:
        return weight
    pads = len(content) > 1 and content[1].get("pad_weight", False)
    if pads and tensor.shape != weight.shape:
        weight = pad_tensor_to_shape(weight, list(tensor.shape))
    if tensor.shape != weight.shape:
        logger.warning("patch of shape %s does not fit %s of shape %s", [*tensor.shape], key, [*weight.shape])
        return weight
    weight += function(strength * tensor.to(weight.device, weight.dtype))
    return weight


def pad_tensor_to_shape(tensor: Tensor, new_shape: list[int]) -> Tensor:
    """The tensor in the low corner of a larger one of zeros.

    Raises: ValueError when a dimension would shrink or their number differs.
    """
    if len(new_shape) != tensor.dim() or any(
        new < old for new, old in zip(new_shape, tensor.shape, strict=True)
    ):
        msg = f"a tensor of shape {list(tensor.shape)} cannot be padded to {new_shape}"
        raise ValueError(msg)
    padded = tensor.new_zeros(new_shape)
    padded[tuple(slice(0, size) for size in tensor.shape)] = tensor
    return padded


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor
