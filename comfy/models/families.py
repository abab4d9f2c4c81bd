"""The list of model families, and what a family has to offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from comfy.errors import UnknownModelError
from comfy.models import sd1
from comfy.models.base import DiffusionModel, ModelConfig
from comfy.text.encoder import CLIP

Shapes = Mapping[str, tuple[int, ...]]
Metadata = Mapping[str, str]


class Family(Protocol):
    """One family: a package below `comfy.models`, used as an object."""

    NAME: str
    DIFFUSION_PREFIX: str
    VAE_PREFIX: str

    def detect(self, shapes: Shapes, metadata: Metadata) -> Any:
        """The family's frozen config from the network's keys (without prefix), or None when they are another's."""

    def model_config(self, config: Any) -> ModelConfig:
        """What sampling and packs are told of a checkpoint."""

    def build(
        self, config: Any, state_dict: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
    ) -> DiffusionModel:
        """The model with its weights (keys without prefix) in a format."""

    def build_clip(
        self,
        state_dict: Mapping[str, Tensor],
        metadata: Metadata,
        embedding_directories: Sequence[str | Path],
    ) -> CLIP | None:
        """The text encoders of a whole checkpoint, None when it holds none."""


FAMILIES: tuple[Family, ...] = (sd1,)
"""In order of detection: a family that is another's special case stands before it."""

BARE_PREFIX = ""
"""Files that hold a diffusion network alone have no prefix."""


def diffusion_prefix(keys: Sequence[str]) -> str:
    """What stands in front of the diffusion network's keys in a file."""
    counts = {
        prefix: sum(key.startswith(prefix) for key in keys)
        for prefix in sorted({family.DIFFUSION_PREFIX for family in FAMILIES})
    }
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else BARE_PREFIX


def detect_family(shapes: Shapes, metadata: Metadata) -> tuple[Family, Any]:
    """The family of a diffusion network and its config, from keys without prefix.

    Raises: UnknownModelError when no family knows the keys; WeightsShapeError when one does but numbers do not fit.
    """
    for family in FAMILIES:
        config = family.detect(shapes, metadata)
        if config is not None:
            return family, config
    raise UnknownModelError(
        "the weights belong to no model family known here",
        key=min(shapes, default=""),
        expected=" or ".join(family.NAME for family in FAMILIES),
        found=f"{len(shapes)} keys",
    )
