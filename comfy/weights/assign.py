"""Putting a file's tensors into a network, checked name by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from comfy.errors import WeightsShapeError

logger = logging.getLogger(__name__)


def shapes_of(state_dict: Mapping[str, Tensor], prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Shape by key of everything below `prefix`, with the prefix taken off."""
    return {
        key[len(prefix) :]: tuple(value.shape) for key, value in state_dict.items() if key.startswith(prefix)
    }


def strip_prefix(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The part of a state dict below `prefix`, with the prefix taken off."""
    return {key[len(prefix) :]: value for key, value in state_dict.items() if key.startswith(prefix)}


def assign_weights(
    network: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    prefix: str = "",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Gives a network built on the meta device its weights: own copies, of one type, without gradients.

    Convolutions over images are stored channels last, the form in which the CPU kernels read them fastest.
    `prefix` is only for error texts: what stood in front of the keys in the file. Keys the network does not have are
    logged and ignored. Raises: WeightsShapeError naming the first key that is missing or has another shape.
    """
    wanted = network.state_dict()
    for key, target in wanted.items():
        found = state_dict.get(key)
        if found is None:
            raise WeightsShapeError("a weight is missing", key=prefix + key, expected=str(list(target.shape)))
        if found.shape != target.shape:
            raise WeightsShapeError(
                "a weight has another shape",
                key=prefix + key,
                expected=str(list(target.shape)),
                found=str(list(found.shape)),
            )
        if not found.dtype.is_floating_point:
            raise WeightsShapeError(
                "a weight is not of a floating point type", key=prefix + key, found=str(found.dtype)
            )
    ignored = [key for key in state_dict if key not in wanted]
    if ignored:
        logger.info("%d keys below %r are not used, for example %r", len(ignored), prefix, ignored[0])
    network.requires_grad_(False)
    network.load_state_dict({key: _own(state_dict[key], dtype) for key in wanted}, assign=True)


def _own(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy in a type, images' convolutions channels last."""
    if tensor.dtype.itemsize == 1:
        tensor = tensor.to(torch.float32)  # 8-bit floats: exact, and most operations know nothing narrower
    if tensor.dim() == 4:
        # Reordered before the type changes: the other way round torch takes twenty times as long.
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    return tensor.to(dtype, copy=True)
