"""`model_options`: the nested dictionaries that carry hooks from a patcher into sampling and networks.

The functions here change the dictionary they are given (and return it), as packs expect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ModelOptions = dict[str, Any]
Hook = Callable[..., Any]


def copy_options(value: Any) -> Any:
    """A copy of nested dictionaries and lists; everything else (functions, tensors, patchers) is shared."""
    if isinstance(value, dict):
        return {key: copy_options(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(value)
    return value


def create_model_options_clone(orig_model_options: ModelOptions) -> ModelOptions:
    """A patcher's options for another one to change."""
    return copy_options(orig_model_options)


def set_model_options_patch_replace(
    model_options: ModelOptions,
    patch: Hook,
    name: str,
    block_name: str,
    number: int,
    transformer_index: int | None = None,
) -> ModelOptions:
    """Registers a replacement for attention `name` ("attn1", "attn2") of one block."""
    options = model_options.setdefault("transformer_options", {})
    block = (block_name, number) if transformer_index is None else (block_name, number, transformer_index)
    options.setdefault("patches_replace", {}).setdefault(name, {})[block] = patch
    return model_options


def set_model_options_post_cfg_function(
    model_options: ModelOptions, post_cfg_function: Hook, disable_cfg1_optimization: bool = False
) -> ModelOptions:
    """Adds a function that sees and may change the result of guidance."""
    return _append(model_options, "sampler_post_cfg_function", post_cfg_function, disable_cfg1_optimization)


def set_model_options_pre_cfg_function(
    model_options: ModelOptions, pre_cfg_function: Hook, disable_cfg1_optimization: bool = False
) -> ModelOptions:
    """Adds a function that sees and may change the predictions before guidance."""
    return _append(model_options, "sampler_pre_cfg_function", pre_cfg_function, disable_cfg1_optimization)


def _append(model_options: ModelOptions, name: str, hook: Hook, disable_cfg1: bool) -> ModelOptions:
    model_options[name] = [*model_options.get(name, []), hook]
    if disable_cfg1:
        model_options["disable_cfg1_optimization"] = True
    return model_options
