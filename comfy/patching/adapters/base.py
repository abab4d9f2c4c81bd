"""What every weight adapter is: a few small tensors that say how one weight changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

TensorMap = Callable[[Tensor], Tensor]


class WeightAdapter(ABC):
    """One weight's change in factored form."""

    name = "adapter"

    def __init__(
        self, tensors: dict[str, Tensor], alpha: float | None, dora_scale: Tensor | None = None
    ) -> None:
        self.tensors, self.alpha, self.dora_scale = tensors, alpha, dora_scale

    @abstractmethod
    def difference(self, weight: Tensor, strength: float, dtype: torch.dtype) -> Tensor:
        """What `strength` times is added to `weight`: of its shape, in `dtype`. Rotations also turn less far."""

    def apply(self, weight: Tensor, strength: float, function: TensorMap, dtype: torch.dtype) -> Tensor:
        """The changed weight. `weight` itself may be changed in place.

        Raises: ValueError or RuntimeError when the factors do not fit the weight.
        """
        if strength == 0.0:
            return weight
        change = self.difference(weight, strength, dtype)
        if change.shape != weight.shape:
            msg = f"change of shape {list(change.shape)} for a weight of shape {list(weight.shape)}"
            raise ValueError(msg)
        if self.dora_scale is None:
            weight += function(strength * change).to(weight.dtype)
            return weight
        return decompose(weight, self.dora_scale.to(weight.device, dtype), change, strength, function, dtype)

    def tensor(self, name: str, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """A factor, where the weight is and in the type to compute in."""
        return self.tensors[name].to(weight.device, dtype)


def decompose(
    weight: Tensor, scale: Tensor, change: Tensor, strength: float, function: TensorMap, dtype: torch.dtype
) -> Tensor:
    """Weight-decomposed change: direction from weight and change, magnitude from `scale`.

    A scale whose first dimension is the weight's holds one magnitude per output and divides by the norm before the
    change; otherwise one per input, with the norm after it. A strength other than 1 goes that part of the way from
    the old weight to the new one.
    Source: Liu et al. 2024, arXiv 2402.09353, eq. 5; which norm is taken: measured, vectors lora `dora_*`.
    """
    target = weight.to(dtype) + function(change)
    trailing = (1,) * (target.dim() - 2)
    if scale.shape[0] == target.shape[0]:
        norm = weight.to(dtype).flatten(1).norm(dim=1).view(-1, 1, *trailing)
    else:
        norm = target.transpose(0, 1).flatten(1).norm(dim=1).view(1, -1, *trailing)
    target = target * (scale.view(scale.shape + (1,) * (target.dim() - scale.dim())) / norm)
    if strength != 1.0:
        target = weight + strength * (target - weight)
    return target.to(weight.dtype)
