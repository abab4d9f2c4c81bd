"""Questions about state dicts, and renaming of their keys. Names as packs import them from `comfy.utils`."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor

StateDict = MutableMapping[str, Tensor]

HEADER_LIMIT_BYTES = 100 * 1024 * 1024


def calculate_parameters(sd: Mapping[str, Tensor], prefix: str = "") -> int:
    """Numbers held by the tensors below a prefix."""
    return sum(tensor.nelement() for key, tensor in sd.items() if key.startswith(prefix))


def weight_dtype(sd: Mapping[str, Tensor], prefix: str = "") -> torch.dtype | None:
    """The format that holds most numbers below a prefix, None where there is no tensor."""
    counts: dict[torch.dtype, int] = {}
    for key, tensor in sd.items():
        if key.startswith(prefix):
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
    return max(counts, key=lambda dtype: counts[dtype]) if counts else None


def state_dict_key_replace(state_dict: StateDict, keys_to_replace: Mapping[str, str]) -> StateDict:
    """Renames whole keys, in place; returns the same dict."""
    for old, new in keys_to_replace.items():
        if old in state_dict:
            state_dict[new] = state_dict.pop(old)
    return state_dict


def state_dict_prefix_replace(
    state_dict: StateDict, replace_prefix: Mapping[str, str], filter_keys: bool = False
) -> StateDict:
    """Renames prefixes, in place; with `filter_keys` the result is a new dict of the renamed keys alone."""
    out: StateDict = {} if filter_keys else state_dict
    for old, new in replace_prefix.items():
        for key in [key for key in state_dict if key.startswith(old)]:
            out[new + key[len(old) :]] = state_dict.pop(key)
    return out


def convert_sd_to(state_dict: StateDict, dtype: torch.dtype) -> StateDict:
    """Converts every tensor, in place; returns the same dict."""
    for key in list(state_dict):
        state_dict[key] = state_dict[key].to(dtype)
    return state_dict


def safetensors_header(
    safetensors_path: str | os.PathLike[str], max_size: int = HEADER_LIMIT_BYTES
) -> bytes | None:
    """The JSON header of a safetensors file as bytes, None where it is longer than `max_size`."""
    with open(safetensors_path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return None if length > max_size else file.read(length)


def swap_scale_shift(weight: Tensor) -> Tensor:
    """A modulation layer's weight with its halves swapped: (shift, scale) to (scale, shift)."""
    shift, scale = weight.chunk(2, dim=0)
    return torch.cat([scale, shift], dim=0)


def get_attr(obj: Any, attr: str) -> Any:
    """An attribute by dotted name."""
    for name in attr.split("."):
        obj = getattr(obj, name)
    return obj


def set_attr(obj: Any, attr: str, value: Any) -> Any:
    """Replaces an attribute by dotted name; returns the old one."""
    path, _, name = attr.rpartition(".")
    owner = get_attr(obj, path) if path else obj
    previous = getattr(owner, name)
    setattr(owner, name, value)
    return previous


def set_attr_param(obj: Any, attr: str, value: Tensor) -> Any:
    """Replaces a parameter by dotted name with one of this value; returns the old one."""
    return set_attr(obj, attr, torch.nn.Parameter(value, requires_grad=False))


def copy_to_param(obj: Any, attr: str, value: Tensor) -> None:
    """Writes a value into a parameter by dotted name, in place."""
    get_attr(obj, attr).data.copy_(value)
