"""Attention over heads, by torch's fused kernel. Home of `optimized_attention`.

Packs replace `optimized_attention` as an attribute, so networks call it through this module, never by a copied name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor


def attention_pytorch(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    mask: Tensor | None = None,
    attn_precision: Any = None,
    skip_reshape: bool = False,
    skip_output_reshape: bool = False,
    **kwargs: Any,
) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for every head.

    Shape: q, k, v (B,T,heads*d), or (B,heads,T,d) with `skip_reshape`; result (B,T,heads*d), or (B,heads,T,d) with
    `skip_output_reshape`. `mask` (Tq,Tk), (B,Tq,Tk) or (B,heads,Tq,Tk): added to the logits, or boolean "may look".
    Source: Vaswani et al. 2017, arXiv 1706.03762, eq. 1.
    """
    override = (kwargs.get("transformer_options") or {}).get("optimized_attention_override")
    if override is not None:
        options = {key: value for key, value in kwargs.items() if key != "transformer_options"}
        return override(
            attention_pytorch, q, k, v, heads, mask=mask, attn_precision=attn_precision, skip_reshape=skip_reshape,
            skip_output_reshape=skip_output_reshape, **options,
        )  # fmt: skip
    if not skip_reshape:
        q, k, v = (_split_heads(tensor, heads) for tensor in (q, k, v))
    if mask is not None:
        while mask.dim() < 4:
            mask = mask.unsqueeze(0 if mask.dim() == 2 else 1)
    out = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return out if skip_output_reshape else out.transpose(1, 2).flatten(2)


def _split_heads(tensor: Tensor, heads: int) -> Tensor:
    b, t, width = tensor.shape
    return tensor.view(b, t, heads, width // heads).transpose(1, 2)


def attention_sub_quad(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: int,
    mask: Tensor | None = None,
    attn_precision: Any = None,
    skip_reshape: bool = False,
    skip_output_reshape: bool = False,
    **kwargs: Any,
) -> Tensor:
    """`attention_pytorch`, whose kernel needs no more than linear memory, under the names packs call."""
    return attention_pytorch(
        query, key, value, heads, mask, attn_precision, skip_reshape, skip_output_reshape, **kwargs
    )


# Names of other ways to compute the same; the fused kernel stands for all of them.
attention_basic = attention_pytorch
attention_split = attention_pytorch

_REGISTERED: dict[str, Callable[..., Tensor]] = {"pytorch": attention_pytorch}


def register_attention_function(name: str, func: Callable[..., Tensor]) -> None:
    """Makes an attention function known by name; a name that is taken stays as it is."""
    _REGISTERED.setdefault(name, func)


def get_attention_function(name: str, default: Any = ...) -> Any:
    """A registered attention function, or "optimized" for the one networks call.

    Raises: KeyError for an unknown name without a default.
    """
    if name == "optimized":
        return optimized_attention
    return _REGISTERED[name] if default is ... else _REGISTERED.get(name, default)


def get_attn_precision(attn_precision: torch.dtype | None, current_dtype: torch.dtype) -> torch.dtype | None:
    """The type in which logits are computed: as asked for; nothing is forced here."""
    return attn_precision


optimized_attention = attention_pytorch
"""The attention that networks call."""

optimized_attention_masked = attention_pytorch
"""The attention that networks with masks call."""


def optimized_attention_for_device(device: Any, mask: bool = False, small_input: bool = False) -> Any:
    """The attention function to use on a device; one serves all."""
    return optimized_attention_masked if mask else optimized_attention
