"""torch's layers without random initial weights, for networks that get theirs from a file.

Filling weights that are replaced at once costs seconds and, on the meta device, loads half of torch's compiler.
"""

from __future__ import annotations

from torch import nn


class Linear(nn.Linear):
    """`nn.Linear` that leaves its weights as they come."""

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` that leaves its weights as they come."""

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""


class GroupNorm(nn.GroupNorm):
    """`nn.GroupNorm` that leaves its weights as they come."""

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""


class LayerNorm(nn.LayerNorm):
    """`nn.LayerNorm` that leaves its weights as they come."""

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""


class Embedding(nn.Embedding):
    """`nn.Embedding` that leaves its weights as they come."""

    def reset_parameters(self) -> None:
        """Nothing: a file's weights follow."""
