"""The hooks packs hang into attention blocks, as `transformer_options` carries them.

`transformer_options["patches"][name]` is a list of functions, `["patches_replace"][name]` a map from
(block name, number[, index in the block]) to one function. Signatures:

- attn1_patch, attn2_patch: f(q, k, v, extra_options) -> (q, k, v), on what goes into the projections
- attn1, attn2 in patches_replace: f(q, k, v, extra_options) -> out, instead of the attention itself
- attn1_output_patch, attn2_output_patch: f(out, extra_options) -> out
- input_block_patch, input_block_patch_after_skip: f(h, transformer_options) -> h
- output_block_patch: f(h, skip, transformer_options) -> (h, skip)
- emb_patch: f(emb, model_channels, transformer_options) -> emb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TransformerOptions = dict[str, Any]


def block_patches(options: TransformerOptions, name: str) -> list[Callable[..., Any]]:
    """The functions registered under a patch name, in order of registration."""
    return (options.get("patches") or {}).get(name) or []


def block_replacement(options: TransformerOptions, name: str, index: int) -> Callable[..., Any] | None:
    """The replacement for attention `name` in the current block; the exact position wins over the whole block."""
    table = (options.get("patches_replace") or {}).get(name)
    block = options.get("block")
    if not table or block is None:
        return None
    found = table.get((block[0], block[1], index))
    return found if found is not None else table.get((block[0], block[1]))


def extra_options(options: TransformerOptions, heads: int, head_width: int, index: int) -> TransformerOptions:
    """What a patch function is told: all options but the patch tables, and where and how wide the attention is."""
    told = {key: value for key, value in options.items() if key not in ("patches", "patches_replace")}
    told.update(n_heads=heads, dim_head=head_width, block_index=index)
    return told
