"""Orthogonal changes: blocks of outputs are rotated (OFT, BOFT)."""

from __future__ import annotations

import torch
from torch import Tensor

from comfy.patching.adapters.base import WeightAdapter


def rotations(blocks: Tensor, constraint: float) -> Tensor:
    """Cayley transforms (I + Q) (I - Q)^-1 of the skew parts Q = B - B^T, their norm held below `constraint`.

    Shape: (...,s,s), kept. Source: Qiu et al. 2023, arXiv 2306.07280, section 3.3.
    """
    eye = torch.eye(blocks.shape[-1], device=blocks.device, dtype=blocks.dtype)
    skew = blocks - blocks.transpose(-1, -2)
    if constraint > 0:
        norm = skew.norm() + 1e-8  # as in the published form: keeps a zero block from dividing by zero
        skew = skew * (norm.clamp(max=constraint) / norm)
    return (eye + skew) @ torch.linalg.inv(eye - skew)


def weakened(r: Tensor, strength: float) -> Tensor:
    """The way from the identity to a rotation, walked as far as `strength`. Source: measured, vectors lora `boft`."""
    return r * strength + torch.eye(r.shape[-1], device=r.device, dtype=r.dtype) * (1.0 - strength)


class OftAdapter(WeightAdapter):
    """W' = blockdiag(R) W over the outputs; alpha bounds the norm of all skew parts together.

    A `rescale` in the file has no effect. Source: as `rotations`, eq. 3; measured, vectors lora `oft`.
    """

    name = "oft"

    def difference(self, weight: Tensor, strength: float, dtype: torch.dtype) -> Tensor:
        """Shape: that of the weight."""
        blocks = self.tensor("blocks", weight, dtype)
        base = weight.to(dtype)
        r = weakened(rotations(blocks, self.alpha or 0.0), strength)
        rotated = torch.einsum(
            "knm,kn...->km...", r, base.reshape(blocks.shape[0], blocks.shape[1], *base.shape[1:])
        )
        return rotated.reshape(weight.shape) - base


class BoftAdapter(WeightAdapter):
    """W' = product of butterfly factors times W. Source: Liu et al. 2023, arXiv 2311.06243, section 4."""

    name = "boft"

    def difference(self, weight: Tensor, strength: float, dtype: torch.dtype) -> Tensor:
        """Shape: that of the weight."""
        blocks = self.tensor("blocks", weight, dtype)
        num_factors, num_blocks, size, _ = blocks.shape
        r = weakened(rotations(blocks, self.alpha or 0.0), strength)
        rotated = weight.to(dtype).flatten(1)
        for i in range(num_factors):
            rotated = _butterfly(rotated, r[i], stride=(2**i) * size // 2, size=size, num_blocks=num_blocks)
        rotated = rotated.reshape(weight.shape)
        if "rescale" in self.tensors:
            rotated = rotated * self.tensor("rescale", weight, dtype)
        return rotated - weight.to(dtype)


def _butterfly(weight: Tensor, r: Tensor, *, stride: int, size: int, num_blocks: int) -> Tensor:
    """One factor: outputs that are `stride` apart are brought together in blocks, rotated, and put back.

    Shape: weight (out,in), kept; r (num_blocks,size,size).
    """
    grouped = weight.view(-1, 2, stride, weight.shape[1]).transpose(1, 2).reshape(num_blocks, size, -1)
    turned = torch.einsum("bij,bjx->bix", r, grouped)
    return turned.reshape(-1, stride, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)
