"""From a LoRA-like file to patches, and from patches to models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor

from comfy.weights.lora.formats import Found, read_adapter, read_plain
from comfy.weights.lora.names import KeyMap, model_lora_keys_clip, model_lora_keys_unet

logger = logging.getLogger(__name__)

ModelT = TypeVar("ModelT")
ClipT = TypeVar("ClipT")


def load_lora(lora: Mapping[str, Tensor], to_load: KeyMap, log_missing: bool = True) -> dict[Any, Any]:
    """Patches by weight name, for `ModelPatcher.add_patches`.

    `to_load` is the table of `names`. Keys of the file that no name explains are logged.
    """
    patches: dict[Any, Any] = {}
    used: set[str] = set()
    for base, target in to_load.items():
        adapter = read_adapter(lora, base)
        for found in ([adapter] if adapter else []) + read_plain(lora, base):
            patches[_target(target, found)] = found.value
            used |= found.used
    if log_missing:
        unused = [key for key in lora if key not in used]
        if unused:
            logger.warning("%d keys of a LoRA file fit no weight, for example %s", len(unused), unused[0])
    return patches


def load_lora_for_models(
    model: ModelT, clip: ClipT, lora: Mapping[str, Tensor], strength_model: float, strength_clip: float
) -> tuple[ModelT, ClipT]:
    """Clones of a model patcher and a CLIP with a LoRA file laid over them; either may be None and stays so."""
    key_map: KeyMap = {}
    patcher: Any = model
    encoder: Any = clip
    if patcher is not None:
        key_map = model_lora_keys_unet(patcher.model, key_map)
    if encoder is not None:
        key_map = model_lora_keys_clip(encoder.cond_stage_model, key_map)
    patches = load_lora(lora, key_map)
    matched: set[Any] = set()
    if patcher is not None:
        patcher = patcher.clone()
        matched.update(patcher.add_patches(patches, strength_model))
    if encoder is not None:
        encoder = encoder.clone()
        matched.update(encoder.add_patches(patches, strength_clip))
    for key in patches:
        if key not in matched:
            logger.warning("LoRA: the model has no weight %s", key)
    return patcher, encoder


def _target(target: Any, found: Found) -> Any:
    """The weight a patch is for: the table's, with another ending for biases."""
    if found.ending == ".weight" or not isinstance(target, str):
        return target
    return target.removesuffix(".weight") + found.ending
