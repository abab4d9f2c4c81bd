"""The layers of `casting` as the namespaces in which packs choose them: `operations.Linear(...)`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from comfy.models.layers import casting


class disable_weight_init:
    """Layers without initial weights that cast only when their object says so."""

    Linear: type[Any] = casting.Linear
    Conv1d: type[Any] = casting.Conv1d
    Conv2d: type[Any] = casting.Conv2d
    Conv3d: type[Any] = casting.Conv3d
    ConvTranspose1d: type[Any] = casting.ConvTranspose1d
    ConvTranspose2d: type[Any] = casting.ConvTranspose2d
    GroupNorm: type[Any] = casting.GroupNorm
    LayerNorm: type[Any] = casting.LayerNorm
    RMSNorm: type[Any] = casting.RMSNorm
    Embedding: type[Any] = casting.Embedding

    @classmethod
    def conv_nd(cls, dims: int, *args: Any, **kwargs: Any) -> nn.Module:
        """The convolution over 2 or 3 axes. Raises: ValueError for other numbers."""
        if dims not in (2, 3):
            msg = f"convolutions are over 2 or 3 axes, not {dims}"
            raise ValueError(msg)
        return (cls.Conv2d if dims == 2 else cls.Conv3d)(*args, **kwargs)


def _casting(layer: type[Any]) -> type[Any]:
    return type(layer.__name__, (layer,), {"comfy_cast_weights": True, "__doc__": layer.__doc__})


class manual_cast(disable_weight_init):
    """The same layers, casting always."""

    Linear = _casting(casting.Linear)
    Conv1d = _casting(casting.Conv1d)
    Conv2d = _casting(casting.Conv2d)
    Conv3d = _casting(casting.Conv3d)
    ConvTranspose1d = _casting(casting.ConvTranspose1d)
    ConvTranspose2d = _casting(casting.ConvTranspose2d)
    GroupNorm = _casting(casting.GroupNorm)
    LayerNorm = _casting(casting.LayerNorm)
    RMSNorm = _casting(casting.RMSNorm)
    Embedding = _casting(casting.Embedding)


def pick_operations(
    weight_dtype: torch.dtype | None,
    compute_dtype: torch.dtype | None,
    load_device: torch.device | None = None,
    disable_fast_fp8: bool = False,
    fp8_optimizations: bool = False,
    scaled_fp8: torch.dtype | None = None,
) -> type[disable_weight_init]:
    """The namespace for weights of one type that compute in another: casting only where they differ."""
    return disable_weight_init if compute_dtype in (None, weight_dtype) else manual_cast


def scaled_dot_product_attention(q: Tensor, k: Tensor, v: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """torch's fused attention."""
    return functional.scaled_dot_product_attention(q, k, v, *args, **kwargs)
