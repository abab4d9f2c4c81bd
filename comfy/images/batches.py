"""Bringing a batch to another number of items."""

from __future__ import annotations

import math
from typing import TypeVar

from torch import Tensor

Item = TypeVar("Item")


def repeat_to_batch_size(tensor: Tensor, batch_size: int, dim: int = 0) -> Tensor:
    """The batch cut to, or cycled up to, `batch_size` items along `dim`; unchanged (aliased) when it fits."""
    length = tensor.shape[dim]
    if length > batch_size:
        return tensor.narrow(dim, 0, batch_size)
    if length < batch_size:
        repeats = [1] * tensor.ndim
        repeats[dim] = math.ceil(batch_size / length)
        return tensor.repeat(repeats).narrow(dim, 0, batch_size)
    return tensor


def even_indices(length: int, target: int) -> list[int]:
    """Indices that stretch or thin a list of `length` items to `target` items.

    Thinning keeps both ends; stretching repeats every item about equally often.
    """
    if target <= 1:
        return [0] * target
    if target < length:
        return [round(i * (length - 1) / (target - 1)) for i in range(target)]
    return [min(round((i + 0.5) * length / target - 0.5), length - 1) for i in range(target)]


def resize_to_batch_size(tensor: Tensor, batch_size: int) -> Tensor:
    """The batch stretched or thinned to `batch_size` items in order; unchanged (aliased) when it fits."""
    if tensor.shape[0] == batch_size:
        return tensor
    return tensor[even_indices(tensor.shape[0], batch_size)]


def resize_list_to_batch_size(l: list[Item], batch_size: int) -> list[Item]:  # noqa: E741 - packs pass it by name
    """`resize_to_batch_size` for lists."""
    if len(l) == batch_size:
        return l
    return [l[i] for i in even_indices(len(l), batch_size)]
