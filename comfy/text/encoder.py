"""The CLIP object: what a CLIP link carries between nodes. A tokeniser, a text encoder and a patcher.

The name is ComfyUI's and historic: whichever text encoders a model family has, one such object holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from comfy.memory import devices, residency
from comfy.patching.patcher import ModelPatcher


class TextTokenizer(Protocol):
    """Text to token lists by encoder name."""

    def tokenize_with_weights(self, text: str, return_word_ids: bool = False, **options: Any) -> Any:
        """`{"l": [[(token, weight), ...], ...], ...}`."""


class CLIP:
    """Text encoders with their tokeniser. Clones share the weights, not patches and settings.

    `layer_idx` is the clip-skip setting (None: the encoder's own). `tokenizer_options` go
    to every `tokenize`.
    """

    cond_stage_model: Any
    tokenizer: Any
    patcher: ModelPatcher

    def __init__(
        self,
        target: Any = None,
        embedding_directory: Any = None,
        no_init: bool = False,
        tokenizer_data: Mapping[str, Any] = {},
        parameters: int = 0,
        model_options: Mapping[str, Any] = {},
    ) -> None:
        self.layer_idx: int | None = None
        self.use_clip_schedule = False
        self.apply_hooks_to_conds: Any = None
        self.tokenizer_options: dict[str, Any] = {}
        if no_init:
            return
        self.cond_stage_model = target.clip(**{**dict(target.params), "model_options": dict(model_options)})
        self.tokenizer = target.tokenizer(
            embedding_directory=embedding_directory, tokenizer_data=dict(tokenizer_data)
        )
        self.patcher = _patcher_of(self.cond_stage_model)

    @classmethod
    def from_parts(cls, cond_stage_model: nn.Module, tokenizer: TextTokenizer) -> Self:
        """A CLIP object from an encoder that has its weights and the tokeniser that feeds it."""
        clip = cls(no_init=True)
        clip.cond_stage_model = cond_stage_model
        clip.tokenizer = tokenizer
        clip.patcher = _patcher_of(cond_stage_model)
        return clip

    def clone(self) -> Self:
        """A cheap copy that shares the weights."""
        clip = type(self)(no_init=True)
        clip.patcher = self.patcher.clone()
        clip.cond_stage_model = self.cond_stage_model
        clip.tokenizer = self.tokenizer
        clip.layer_idx = self.layer_idx
        clip.tokenizer_options = dict(self.tokenizer_options)
        clip.use_clip_schedule = self.use_clip_schedule
        clip.apply_hooks_to_conds = self.apply_hooks_to_conds
        return clip

    def add_patches(
        self, patches: Mapping[str, Any], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> Any:
        """Weight patches by key; gives the keys that matched."""
        return self.patcher.add_patches(patches, strength_patch, strength_model)

    def set_tokenizer_option(self, option_name: str, value: Any) -> None:
        """An option that every later `tokenize` hands to the tokeniser."""
        self.tokenizer_options[option_name] = value

    def clip_layer(self, layer_idx: int | None) -> None:
        """Chooses the hidden state that becomes the conditioning: -1 the last, -2 the one before ..."""
        self.layer_idx = layer_idx

    def tokenize(self, text: str, return_word_ids: bool = False, **kwargs: Any) -> Any:
        """Token chunks by encoder name, each slot (token, weight) or (token, weight, word number)."""
        options = {**self.tokenizer_options, **kwargs}
        return self.tokenizer.tokenize_with_weights(text, return_word_ids, **options)

    def encode_from_tokens(
        self, tokens: Any, return_pooled: bool | str = False, return_dict: bool = False
    ) -> Any:
        """The conditioning (1,T,W) float32 of tokens.

        With `return_pooled` a pair with the pooled vector (1,P), "unprojected" for the one before the
        projection; with `return_dict` a dict of cond, pooled_output and whatever else the encoder gives.
        """
        encoded = self._encode(tokens, projected=False if return_pooled == "unprojected" else None)
        if return_dict:
            extra = encoded[2] if len(encoded) > 2 else {}
            return {"cond": encoded[0], "pooled_output": encoded[1], **extra}
        return (encoded[0], encoded[1]) if return_pooled else encoded[0]

    def encode_from_tokens_scheduled(
        self,
        tokens: Any,
        unprojected: bool = False,
        add_dict: Mapping[str, Any] = {},
        show_pbar: bool = True,
    ) -> list[list[Any]]:
        """CONDITIONING: `[[cond, {"pooled_output": pooled, ...}]]`, with `add_dict` in every entry's dict."""
        encoded = self._encode(tokens, projected=False if unprojected else None)
        values = {"pooled_output": encoded[1], **(encoded[2] if len(encoded) > 2 else {}), **add_dict}
        return [[encoded[0], self.add_hooks_to_dict(values)]]

    def encode(self, text: str) -> Tensor:
        """The conditioning of a prompt."""
        return self.encode_from_tokens(self.tokenize(text))

    def add_hooks_to_dict(self, pooled_dict: dict[str, Any]) -> dict[str, Any]:
        """Puts the hooks of this object, if it has any, into a conditioning entry's dict."""
        if self.apply_hooks_to_conds:
            pooled_dict["hooks"] = self.apply_hooks_to_conds
        return pooled_dict

    def load_sd(self, sd: Mapping[str, Tensor], full_model: bool = False) -> Any:
        """Copies weights over the encoder's; `full_model` takes this object's own key names."""
        if full_model:
            return self.cond_stage_model.load_state_dict(dict(sd), strict=False)
        return self.cond_stage_model.load_sd(sd)

    def get_sd(self) -> dict[str, Tensor]:
        """The encoder's weights with this object's patches applied."""
        self.load_model()
        return dict(self.cond_stage_model.state_dict())

    def load_model(self) -> ModelPatcher:
        """Brings the patched weights to their device."""
        residency.load_models_gpu([self.patcher])
        return self.patcher

    def get_key_patches(self) -> Any:
        """The patches by key, as the patcher gives them."""
        return self.patcher.get_key_patches()

    @torch.no_grad()
    def _encode(self, tokens: Any, *, projected: bool | None) -> Any:
        model = self.cond_stage_model
        model.reset_clip_options()
        if self.layer_idx is not None:
            model.set_clip_options({"layer": self.layer_idx})
        if projected is not None:
            model.set_clip_options({"projected_pooled": projected})
        self.load_model()
        return model.encode_token_weights(tokens)


def _patcher_of(model: nn.Module) -> ModelPatcher:
    return ModelPatcher(
        model,
        load_device=devices.text_encoder_device(),
        offload_device=devices.text_encoder_offload_device(),
    )
