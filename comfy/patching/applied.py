"""What is laid over a model right now, and how to take it off again exactly.

Clones of a patcher share one model, so this record lives with the model, not with a patcher: whoever patches next
first restores what the last one changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from comfy.patching.weights import calculate_weight

_ATTRIBUTE = "applied_patches"


@dataclass
class AppliedPatches:
    """The original tensors and objects of a patched model. `owner` identifies the state that was applied."""

    owner: object = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)


def applied_to(model: nn.Module) -> AppliedPatches:
    """The record of a model; an empty one is made on first use."""
    record = getattr(model, _ATTRIBUTE, None)
    if record is None:
        record = AppliedPatches()
        setattr(model, _ATTRIBUTE, record)
    return record


def apply_patches(
    model: nn.Module,
    patches: Mapping[str, Sequence[tuple[Any, ...]]],
    objects: Mapping[str, Any],
    owner: object,
) -> None:
    """Brings the model into the state `owner`; does nothing when it is there already."""
    record = applied_to(model)
    if record.owner is not None and record.owner == owner:
        return
    remove_patches(model)
    for name, replacement in objects.items():
        record.objects[name] = set_attribute(model, name, replacement)
    for key, entries in patches.items():
        patch_weight(model, key, entries)
    record.owner = owner


def patch_weight(model: nn.Module, key: str, entries: Sequence[tuple[Any, ...]]) -> None:
    """Replaces one weight's value by the patched one and keeps the original tensor.

    Inference tensors are avoided, so that packs may go on changing weights outside of sampling.
    """
    record = applied_to(model)
    parameter = get_attribute(model, key)
    with torch.inference_mode(False), torch.no_grad():
        original = record.weights.setdefault(key, parameter.data)
        patched = calculate_weight(entries, original.to(torch.float32, copy=True), key)
        parameter.data = _in_the_order_of(original, patched.to(original.dtype))


def remove_patches(model: nn.Module) -> None:
    """Restores weights and objects, bit for bit: they are the very tensors that were there before."""
    record = applied_to(model)
    for key, original in record.weights.items():
        parameter = get_attribute(model, key)
        parameter.data = original.to(parameter.device)
    for name, original_object in record.objects.items():
        set_attribute(model, name, original_object)
    record.owner = None
    record.weights.clear()
    record.objects.clear()


def _in_the_order_of(original: Tensor, value: Tensor) -> Tensor:
    """The value in the memory order of the tensor it replaces, so that kernels find what they were chosen for."""
    channels_last = original.dim() == 4 and original.is_contiguous(memory_format=torch.channels_last)
    return value.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def get_attribute(target: Any, name: str) -> Any:
    """An attribute by dotted name; numbers index module lists."""
    for part in name.split("."):
        target = getattr(target, part)
    return target


def get_key_weight(model: nn.Module, key: str) -> tuple[Tensor, Any, Any]:
    """A weight, and its layer's `set_<name>` and `convert_<name>` functions where it has such (quantised layers do)."""
    path, _, name = key.rpartition(".")
    layer = get_attribute(model, path) if path else model
    return getattr(layer, name), getattr(layer, f"set_{name}", None), getattr(layer, f"convert_{name}", None)


def set_attribute(target: Any, name: str, value: Any) -> Any:
    """Sets an attribute by dotted name and gives the old value.

    A plain object may replace a module, which torch refuses: the module is taken out first.
    """
    path, _, last = name.rpartition(".")
    owner = get_attribute(target, path) if path else target
    old = getattr(owner, last)
    if isinstance(owner, nn.Module) and isinstance(old, nn.Module | nn.Parameter) != isinstance(
        value, nn.Module | nn.Parameter
    ):
        delattr(owner, last)
    setattr(owner, last, value)
    return old
