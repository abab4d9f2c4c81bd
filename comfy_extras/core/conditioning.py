"""Conditioning nodes: prompts to conditioning, and arithmetic on conditioning."""

from __future__ import annotations

from typing import Any

import torch

from comfy.errors import TextError
from comfy.text.conditioning import conditioning_set_values
from comfy.text.encoder import CLIP

Conditioning = list[list[Any]]


class CLIPTextEncode:
    """A prompt as conditioning."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "text": (
                    "STRING",
                    {"multiline": True, "dynamicPrompts": True, "tooltip": "The prompt to encode."},
                ),
                "clip": ("CLIP", {"tooltip": "Text encoder that reads the prompt."}),
            }
        }

    RETURN_TYPES = ("CONDITIONING",)
    OUTPUT_TOOLTIPS = ("The encoded prompt, which guides the diffusion model.",)
    FUNCTION = "encode"
    CATEGORY = "conditioning"
    DESCRIPTION = "Encodes a prompt with a text encoder; the result guides a diffusion model."

    def encode(self, clip: CLIP | None, text: str) -> tuple[Conditioning]:
        if clip is None:
            raise TextError(
                "clip is None: the checkpoint that this link comes from holds no text encoder; "
                "load a text encoder of its own file"
            )
        return (clip.encode_from_tokens_scheduled(clip.tokenize(text)),)


class CLIPSetLastLayer:
    """Takes the conditioning from an earlier layer of the text encoder (clip skip)."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "clip": ("CLIP",),
                "stop_at_clip_layer": ("INT", {"default": -1, "min": -24, "max": -1, "step": 1}),
            }
        }

    RETURN_TYPES = ("CLIP",)
    FUNCTION = "set_last_layer"
    CATEGORY = "conditioning"

    def set_last_layer(self, clip: CLIP, stop_at_clip_layer: int) -> tuple[CLIP]:
        changed = clip.clone()
        changed.clip_layer(stop_at_clip_layer)
        return (changed,)


class ConditioningCombine:
    """Both conditionings at once: their predictions are averaged."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"conditioning_1": ("CONDITIONING",), "conditioning_2": ("CONDITIONING",)}}

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "combine"
    CATEGORY = "conditioning"

    def combine(self, conditioning_1: Conditioning, conditioning_2: Conditioning) -> tuple[Conditioning]:
        return (conditioning_1 + conditioning_2,)


class ConditioningAverage:
    """Mixes the vectors of two conditionings, token by token."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "conditioning_to": ("CONDITIONING",),
                "conditioning_from": ("CONDITIONING",),
                "conditioning_to_strength": (
                    "FLOAT",
                    {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01},
                ),
            }
        }

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "addWeighted"
    CATEGORY = "conditioning"

    def addWeighted(
        self, conditioning_to: Conditioning, conditioning_from: Conditioning, conditioning_to_strength: float
    ) -> tuple[Conditioning]:
        return (average_conditioning(conditioning_to, conditioning_from, conditioning_to_strength),)


class ConditioningConcat:
    """Puts the tokens of the second conditioning behind those of the first."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"conditioning_to": ("CONDITIONING",), "conditioning_from": ("CONDITIONING",)}}

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "concat"
    CATEGORY = "conditioning"

    def concat(self, conditioning_to: Conditioning, conditioning_from: Conditioning) -> tuple[Conditioning]:
        tail = conditioning_from[0][0]
        return ([[torch.cat((cond, tail), dim=1), values.copy()] for cond, values in conditioning_to],)


class ConditioningZeroOut:
    """Zeros in place of the encoded text and the pooled vector."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"conditioning": ("CONDITIONING",)}}

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "zero_out"
    CATEGORY = "advanced/conditioning"

    def zero_out(self, conditioning: Conditioning) -> tuple[Conditioning]:
        return ([[torch.zeros_like(cond), _without_pooled(values)] for cond, values in conditioning],)


class ConditioningSetTimestepRange:
    """Lets the conditioning act during a part of the sampling only; 0 is the start, 1 the end."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "conditioning": ("CONDITIONING",),
                "start": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 1.0, "step": 0.001}),
                "end": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.001}),
            }
        }

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "set_range"
    CATEGORY = "advanced/conditioning"

    def set_range(self, conditioning: Conditioning, start: float, end: float) -> tuple[Conditioning]:
        return (conditioning_set_values(conditioning, {"start_percent": start, "end_percent": end}),)


def average_conditioning(
    conditioning_to: Conditioning, conditioning_from: Conditioning, strength: float
) -> Conditioning:
    """Every entry of `conditioning_to` mixed with the first of `conditioning_from`: to * s + from * (1 - s).

    The second is cut or filled with zeros to the first one's tokens. Pooled vectors are mixed where both
    have one; where only one has it, that one is taken.
    """
    other, other_values = conditioning_from[0]
    other_pooled = other_values.get("pooled_output")
    mixed: Conditioning = []
    for cond, values in conditioning_to:
        tokens = cond.shape[1]
        fitted = other[:, :tokens]
        if fitted.shape[1] < tokens:
            fill = torch.zeros((1, tokens - fitted.shape[1], other.shape[2]), dtype=other.dtype)
            fitted = torch.cat([fitted, fill.to(other.device).expand(other.shape[0], -1, -1)], dim=1)
        pooled = values.get("pooled_output", other_pooled)
        changed = dict(values)
        if other_pooled is not None and pooled is not None:
            changed["pooled_output"] = pooled * strength + other_pooled * (1.0 - strength)
        elif pooled is not None:
            changed["pooled_output"] = pooled
        mixed.append([cond * strength + fitted * (1.0 - strength), changed])
    return mixed


def _without_pooled(values: dict[str, Any]) -> dict[str, Any]:
    changed = dict(values)
    for name in ("pooled_output", "conditioning_lyrics"):
        if isinstance(changed.get(name), torch.Tensor):
            changed[name] = torch.zeros_like(changed[name])
    return changed


NODE_CLASS_MAPPINGS = {
    "CLIPTextEncode": CLIPTextEncode,
    "CLIPSetLastLayer": CLIPSetLastLayer,
    "ConditioningAverage": ConditioningAverage,
    "ConditioningCombine": ConditioningCombine,
    "ConditioningConcat": ConditioningConcat,
    "ConditioningZeroOut": ConditioningZeroOut,
    "ConditioningSetTimestepRange": ConditioningSetTimestepRange,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "CLIPTextEncode": "CLIP Text Encode (Prompt)",
    "CLIPSetLastLayer": "CLIP Set Last Layer",
    "ConditioningAverage": "ConditioningAverage",
    "ConditioningCombine": "Conditioning (Combine)",
    "ConditioningConcat": "Conditioning (Concat)",
}
