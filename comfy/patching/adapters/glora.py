"""Generalised low-rank changes (GLoRA): part of the change depends on the weight itself."""

from __future__ import annotations

import torch
from torch import Tensor

from comfy.patching.adapters.base import WeightAdapter


class GloraAdapter(WeightAdapter):
    """alpha / r * (W a2 a1 + b2 b1), or with the factors the other way round, as their shapes tell.

    Source: Chavan et al. 2023, arXiv 2306.07967, eq. 10.
    """

    name = "glora"

    def difference(self, weight: Tensor, strength: float, dtype: torch.dtype) -> Tensor:
        """Shape: that of the weight."""
        a1, a2, b1, b2 = (self.tensor(name, weight, dtype).flatten(1) for name in ("a1", "a2", "b1", "b2"))
        flat = weight.to(dtype).flatten(1)
        is_wide = a1.shape[0] == flat.shape[1]
        rank = a1.shape[1] if is_wide else a1.shape[0]
        change = flat @ (a1 @ a2) + b1 @ b2 if is_wide else flat @ (a2 @ a1) + b2 @ b1
        return change.reshape(weight.shape) * (1.0 if self.alpha is None else self.alpha / rank)
