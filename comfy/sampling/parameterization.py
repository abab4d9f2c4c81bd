"""How a network sees noise: a prediction joined with a sigma table.

`make_model_sampling` builds the object that models carry as `model_sampling`. Read first: `predictions` and
`sigma_tables`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Protocol, cast

import torch
from torch import Tensor

from comfy.errors import SamplingError
from comfy.sampling import flow_tables, predictions, sigma_tables


class ModelSampling(Protocol):
    """What samplers, schedulers and guidance need of a model's parameterization."""

    @property
    def sigmas(self) -> Tensor:
        """Noise levels, ascending, (n,)."""

    @property
    def sigma_min(self) -> Tensor:
        """Smallest level, scalar."""

    @property
    def sigma_max(self) -> Tensor:
        """Largest level, scalar."""

    def timestep(self, sigma: Tensor) -> Tensor:
        """The network's time input for a level."""

    def sigma(self, timestep: Tensor) -> Tensor:
        """Level for a time input."""

    def percent_to_sigma(self, percent: float) -> float:
        """Level at a share of the sampling run."""

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        """The network's input for a noisy latent."""

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        """The denoised latent."""

    def noise_scaling(
        self, sigma: Tensor, noise: Tensor, latent_image: Tensor, max_denoise: bool = False
    ) -> Tensor:
        """A noisy latent from unit noise and a clean one."""

    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor) -> Tensor:
        """The latent handed on after sampling stopped."""


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """What a model family says about its noise; fields that a table does not read are ignored by it.

    `None` means the table's own default.
    """

    beta_schedule: str = "linear"
    linear_start: float = 0.00085
    linear_end: float = 0.012
    timesteps: int = 1000
    zsnr: bool = False
    sigma_min: float | None = None
    sigma_max: float | None = None
    sigma_data: float | None = None
    shift: float | None = None
    multiplier: float | None = None

    @property
    def sampling_settings(self) -> dict[str, object]:
        """The settings that are given, by name; the form in which packs' model configs carry them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


# Kind of model -> (prediction, table). The keys are the field's names for kinds of training.
_KINDS: dict[str, tuple[type, type[torch.nn.Module]]] = {
    "eps": (predictions.Eps, sigma_tables.DiscreteSigmas),
    "v_prediction": (predictions.VPrediction, sigma_tables.DiscreteSigmas),
    "v_prediction_edm": (predictions.VPrediction, sigma_tables.ContinuousEdmSigmas),
    "v_prediction_continuous": (predictions.VPrediction, sigma_tables.ContinuousVSigmas),
    "edm": (predictions.Edm, sigma_tables.ContinuousEdmSigmas),
    "stable_cascade": (predictions.Eps, sigma_tables.CascadeSigmas),
    "flow": (predictions.RectifiedFlow, flow_tables.FlowSigmas),
    "flux": (predictions.RectifiedFlow, flow_tables.FluxSigmas),
    "img_to_img": (predictions.ImageToImage, sigma_tables.DiscreteSigmas),
    "flow_cosmos": (predictions.CosmosFlow, sigma_tables.CosmosSigmas),
}


@cache
def sampling_class(prediction: str) -> type[torch.nn.Module]:
    """The joined class of a kind of model; one class object per kind.

    Raises: SamplingError for an unknown kind.
    """
    if prediction not in _KINDS:
        msg = f"prediction {prediction!r} is not one of {', '.join(sorted(_KINDS))}"
        raise SamplingError(msg)
    algebra, table = _KINDS[prediction]
    return type(f"{algebra.__name__}{table.__name__}", (table, algebra), {})


def make_model_sampling(prediction: str = "eps", schedule: SamplingSettings | None = None) -> ModelSampling:
    """The parameterization of a model: kind of prediction with its sigma table.

    Raises: SamplingError for an unknown kind or beta schedule.
    """
    built = sampling_class(prediction)(schedule or SamplingSettings())
    return cast("ModelSampling", built)
