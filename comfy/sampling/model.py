"""What sampling needs of a model and of its patcher: protocols only, so that any family fits.

`comfy.models` implements `SampledModel`, `comfy.patching` implements `ModelPatcherLike`; tests use a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from comfy.sampling.parameterization import ModelSampling

Condition = dict[str, Any]
"""One prepared conditioning entry: `cross_attn`, `model_conds`, optional `area`, `mask`, `strength`, time range."""

Conditionings = dict[str, list[Condition]]
"""Entries by side: "positive", "negative", or what a guider names."""


class LatentFormat(Protocol):
    """The shape of a family's latents."""

    latent_channels: int
    latent_dimensions: int


class SampledModel(Protocol):
    """A network with its parameterization and latent format."""

    model_sampling: ModelSampling

    def apply_model(
        self,
        x: Tensor,
        t: Tensor,
        c_concat: Tensor | None = None,
        c_crossattn: Tensor | None = None,
        control: Any = None,
        transformer_options: dict[str, Any] = ...,
        **kwargs: Any,
    ) -> Tensor:
        """The denoised latent (B,C,...) for the noisy latent x at sigma t (B,)."""

    def process_latent_in(self, latent: Tensor) -> Tensor:
        """From the scale that nodes exchange to the network's own."""

    def process_latent_out(self, latent: Tensor) -> Tensor:
        """The inverse of `process_latent_in`."""

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        """Model inputs of one conditioning entry, wrapped in classes of `comfy.sampling.conds`."""

    def memory_required(self, input_shape: Sequence[int]) -> float:
        """Bytes that one evaluation of this shape needs beside the weights."""


class ModelPatcherLike(Protocol):
    """A model with its changes (weights, options) and the device it runs on."""

    model: Any
    model_options: dict[str, Any]
    load_device: torch.device
    offload_device: torch.device

    def get_model_object(self, name: str) -> Any:
        """An attribute of the model by dotted name, replaced ones first."""
