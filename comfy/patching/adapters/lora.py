"""Low-rank changes (LoRA), with an optional core for convolutions (LoCon's Tucker form)."""

from __future__ import annotations

import torch
from torch import Tensor

from comfy.patching.adapters.base import WeightAdapter


class LoraAdapter(WeightAdapter):
    """alpha / r * up down, with factors up (out,r,...), down (r,in,...) and, for convolutions, mid (r,r,kh,kw).

    Without alpha the factor is 1. Source: Hu et al. 2021, arXiv 2106.09685, section 4.1.
    """

    name = "lora"

    def difference(self, weight: Tensor, strength: float, dtype: torch.dtype) -> Tensor:
        """Shape: that of the weight."""
        up = self.tensor("up", weight, dtype).flatten(1)
        down = self.tensor("down", weight, dtype)
        scale = 1.0 if self.alpha is None else self.alpha / down.shape[0]
        if "mid" in self.tensors:
            mid = self.tensor("mid", weight, dtype)
            return torch.einsum("or,rs...,si->oi...", up, mid, down.flatten(1)) * scale
        return (up @ down.flatten(1)).reshape(weight.shape) * scale
