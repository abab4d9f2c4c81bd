"""Hadamard products of two low-rank matrices (LoHa)."""

from __future__ import annotations

import torch
from torch import Tensor

from comfy.patching.adapters.base import WeightAdapter


class LohaAdapter(WeightAdapter):
    """alpha / r * (w1_a w1_b) * (w2_a w2_b); for convolutions each product may go through a core t1, t2.

    Source: Hyeon-Woo et al. 2021, arXiv 2108.06098 (FedPara), propositions 1 and 3.
    """

    name = "loha"

    def difference(self, weight: Tensor, strength: float, dtype: torch.dtype) -> Tensor:
        """Shape: that of the weight."""
        rank = self.tensors["w1_b"].shape[0]
        scale = 1.0 if self.alpha is None else self.alpha / rank
        product = self._half("1", weight, dtype) * self._half("2", weight, dtype)
        return product.reshape(weight.shape) * scale

    def _half(self, number: str, weight: Tensor, dtype: torch.dtype) -> Tensor:
        a = self.tensor(f"w{number}_a", weight, dtype)
        b = self.tensor(f"w{number}_b", weight, dtype)
        if f"t{number}" not in self.tensors:
            return a @ b
        core = self.tensor(f"t{number}", weight, dtype)
        return torch.einsum("rs...,ro,si->oi...", core, a, b)
