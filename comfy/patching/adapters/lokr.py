"""Kronecker products (LoKr)."""

from __future__ import annotations

import torch
from torch import Tensor

from comfy.patching.adapters.base import WeightAdapter


class LokrAdapter(WeightAdapter):
    """alpha / r * w1 (x) w2, either factor whole or as a product of two; without a product alpha has no say.

    Source: Yeh et al. 2023, arXiv 2309.14859, section 3.2.
    """

    name = "lokr"

    def difference(self, weight: Tensor, strength: float, dtype: torch.dtype) -> Tensor:
        """Shape: that of the weight."""
        w1, rank1 = self._factor("1", weight, dtype)
        w2, rank2 = self._factor("2", weight, dtype)
        rank = rank2 or rank1
        scale = self.alpha / rank if self.alpha is not None and rank else 1.0
        w1 = w1.reshape(w1.shape + (1,) * (w2.dim() - w1.dim()))
        return torch.kron(w1, w2).reshape(weight.shape) * scale

    def _factor(self, number: str, weight: Tensor, dtype: torch.dtype) -> tuple[Tensor, int | None]:
        """The factor, and its rank when it is a product."""
        if f"w{number}" in self.tensors:
            return self.tensor(f"w{number}", weight, dtype), None
        a = self.tensor(f"w{number}_a", weight, dtype)
        b = self.tensor(f"w{number}_b", weight, dtype)
        if "t2" in self.tensors and number == "2":
            core = self.tensor("t2", weight, dtype)
            return torch.einsum("rs...,ro,si->oi...", core, a, b), b.shape[0]
        return a @ b, b.shape[0]
