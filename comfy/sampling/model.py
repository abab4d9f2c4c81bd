"""What sampling needs of a model and of its patcher: protocols only, so that any family fits.

`comfy.models` implements `SampledModel`, `comfy.patching` implements `ModelPatcherLike`; tests use a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
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
    wrappers: dict[str, Any]
    callbacks: dict[str, Any]

    def get_model_object(self, name: str) -> Any:
        """An attribute of the model by dotted name, replaced ones first."""

    def model_size(self) -> int:
        """Bytes of the weights."""

    def is_clone(self, other: Any) -> bool:
        """Whether both patch the same model."""

    def patch_model(self, device_to: torch.device | None = None) -> Any:
        """Moves the model to a device and applies the patches of its weights."""

    def detach(self, unpatch_all: bool = True) -> Any:
        """Takes the patches off and moves the model to its offload device."""

    def model_patches_models(self) -> list[Any]:
        """Patchers that hook objects bring along."""

    def get_nested_additional_models(self) -> list[Any]:
        """Patchers that must be loaded together with this one."""

    def use_injected(self) -> AbstractContextManager[None]:
        """Injections hold inside."""

    def pre_run(self) -> None:
        """Called before a run."""

    def prepare_state(self, timestep: Tensor) -> None:
        """Called before each evaluation."""

    def cleanup(self) -> None:
        """Called after a run."""
