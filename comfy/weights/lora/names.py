"""Which weight of a model the names in LoRA-like files mean: every writer's spelling, in one table per model."""

from __future__ import annotations

import re
from typing import Any

from comfy.weights.keymaps import unet_diffusers
from comfy.weights.keymaps.text_encoders import CLIP_LAYERS, ENCODER_ALIASES, PROJECTION_ALIASES

KeyMap = dict[str, Any]
"""Base name in a LoRA file -> name of the weight (or (name, (dim, start, length)) for a slice)."""

_WEIGHT = ".weight"
_PROCESSOR = re.compile(r"\.(to_[qkv]|to_out)(\.0)?$")
_CLIP_LAYER = re.compile(
    r"^(?P<encoder>\w+)\.transformer\.(?P<path>text_model\.encoder\.layers\.\d+\.(?P<layer>.+))$"
)


def model_lora_keys_unet(model: Any, key_map: KeyMap | None = None) -> KeyMap:
    """Adds the names of a diffusion model's weights to the table and gives it.

    Reads the model's state dict and `model_config.unet_config`.
    """
    key_map = {} if key_map is None else key_map
    prefix = "diffusion_model."
    for key in model.state_dict():
        if not key.startswith(prefix):
            continue
        if not key.endswith(_WEIGHT):
            key_map[key] = key
            continue
        base = key[len(prefix) : -len(_WEIGHT)]
        key_map[f"lora_unet_{_flat(base)}"] = key
        key_map[prefix + base] = key
    config = getattr(getattr(model, "model_config", None), "unet_config", {})
    if "num_res_blocks" in config:
        for theirs, ours in unet_diffusers.module_names(config).items():
            key = f"{prefix}{ours}{_WEIGHT}"
            # Layers that this UNet lacks get their names too: a file that has them is then reported by weight.
            key_map[f"lora_unet_{_flat(theirs)}"] = key
            key_map[f"lycoris_{_flat(theirs)}"] = key
            dotted = _PROCESSOR.sub(r".processor.\1", theirs)
            key_map[dotted] = key
            key_map[f"unet.{dotted}"] = key
    return key_map


def model_lora_keys_clip(model: Any, key_map: KeyMap | None = None) -> KeyMap:
    """Adds the names of the text encoders' weights to the table and gives it."""
    key_map = {} if key_map is None else key_map
    keys = model.state_dict()
    for key in keys:
        if not key.endswith(_WEIGHT):
            continue
        base = key[: -len(_WEIGHT)]
        key_map[f"text_encoders.{base}"] = key
        match = _CLIP_LAYER.match(base)
        if match is None or match["layer"] not in CLIP_LAYERS:
            continue
        flat, dotted = ENCODER_ALIASES.get(match["encoder"], ((), ()))
        key_map.update({alias + _flat(match["path"]): key for alias in flat})
        key_map.update({alias + match["path"]: key for alias in dotted})
    for encoder, aliases in PROJECTION_ALIASES.items():
        key = f"{encoder}.transformer.text_projection{_WEIGHT}"
        if key in keys:
            key_map.update(dict.fromkeys(aliases, key))
    return key_map


def _flat(name: str) -> str:
    return name.replace(".", "_")
