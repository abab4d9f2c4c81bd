"""Wrappers around extra network inputs: how they follow a batch and how several of them become one.

`comfy.conds` is the door (CONDRegular and so on); model families return these from `extra_conds`.
"""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor

from comfy.images.batches import repeat_to_batch_size

# Contexts are repeated up to their common length; more copies than this cost more than a second network call.
MAX_CONTEXT_REPEATS = 4


class CondRegular:
    """A tensor (N,...) with one item per batch item."""

    def __init__(self, cond: Any) -> None:
        self.cond = cond

    def _copy_with(self, cond: Any) -> Self:
        return self.__class__(cond)

    def process_cond(self, batch_size: int, **kwargs: Any) -> Self:
        """The input for a batch: repeated or cut to `batch_size` items. `area` may be given in kwargs."""
        return self._copy_with(repeat_to_batch_size(self.cond, batch_size))

    def can_concat(self, other: Self) -> bool:
        """Whether both may go through the network in one call."""
        return bool(self.cond.shape == other.cond.shape)

    def concat(self, others: list[Self]) -> Any:
        """This one's tensor followed by the others', along the batch."""
        return torch.cat([self.cond, *(other.cond for other in others)])

    def size(self) -> list[int]:
        """Shape, for estimates of memory."""
        return list(self.cond.size())


class CondNoiseShape(CondRegular):
    """A tensor of the latent's spatial shape, which is cut like the latent where an area is used."""

    def process_cond(self, batch_size: int, area: Any = None, **kwargs: Any) -> Self:
        data = self.cond
        if area is not None:
            dims = len(area) // 2
            for axis in range(dims):
                data = data.narrow(axis + 2, area[axis + dims], area[axis])
        return self._copy_with(repeat_to_batch_size(data, batch_size))


class CondCrossAttn(CondRegular):
    """A context (N, tokens, width). Contexts of different length meet at their least common multiple.

    Repeating all tokens of a context leaves attention over it unchanged: every weight is split evenly.
    """

    def can_concat(self, other: Self) -> bool:
        mine, theirs = self.cond.shape, other.cond.shape
        if mine == theirs:
            return True
        if mine[0] != theirs[0] or mine[2] != theirs[2]:
            return False
        return math.lcm(mine[1], theirs[1]) // min(mine[1], theirs[1]) <= MAX_CONTEXT_REPEATS

    def concat(self, others: list[Self]) -> Tensor:
        contexts = [self.cond, *(other.cond for other in others)]
        length = math.lcm(*(context.shape[1] for context in contexts))
        return torch.cat([context.repeat(1, length // context.shape[1], 1) for context in contexts])


class CondConstant(CondRegular):
    """A value that is the same for every item, such as a frame rate."""

    def process_cond(self, batch_size: int, **kwargs: Any) -> Self:
        return self._copy_with(self.cond)

    def can_concat(self, other: Self) -> bool:
        return bool(self.cond == other.cond)

    def concat(self, others: list[Self]) -> Any:
        return self.cond

    def size(self) -> list[int]:
        return [1]


class CondList(CondRegular):
    """A list of tensors, each with one item per batch item."""

    def process_cond(self, batch_size: int, **kwargs: Any) -> Self:
        return self._copy_with([repeat_to_batch_size(item, batch_size) for item in self.cond])

    def can_concat(self, other: Self) -> bool:
        return len(self.cond) == len(other.cond) and all(
            a.shape == b.shape for a, b in zip(self.cond, other.cond, strict=True)
        )

    def concat(self, others: list[Self]) -> list[Tensor]:
        return [torch.cat([item, *(other.cond[i] for other in others)]) for i, item in enumerate(self.cond)]

    def size(self) -> list[int]:
        # Counted as one flat tensor of the same number of elements as all items.
        total = sum(item.numel() for item in self.cond)
        if not self.cond:
            return [0]
        batch, channels = self.cond[0].shape[:2]
        return [batch, channels, total // max(batch * channels, 1)]
