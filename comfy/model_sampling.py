"""Door: predictions and sigma tables, which packs join by multiple inheritance.

Rooms: `comfy.sampling.predictions`, `comfy.sampling.sigma_tables`, `comfy.sampling.flow_tables`.
"""

from comfy.sampling.flow_tables import FlowSigmas as ModelSamplingDiscreteFlow
from comfy.sampling.flow_tables import FluxSigmas as ModelSamplingFlux
from comfy.sampling.flow_tables import flux_time_shift as flux_time_shift
from comfy.sampling.flow_tables import time_snr_shift as time_snr_shift
from comfy.sampling.predictions import X0 as X0
from comfy.sampling.predictions import CosmosFlow as COSMOS_RFLOW
from comfy.sampling.predictions import Edm as EDM
from comfy.sampling.predictions import Eps as EPS
from comfy.sampling.predictions import ImageToImage as IMG_TO_IMG
from comfy.sampling.predictions import RectifiedFlow as CONST
from comfy.sampling.predictions import VPrediction as V_PREDICTION
from comfy.sampling.predictions import reshape_sigma as reshape_sigma
from comfy.sampling.sigma_tables import CascadeSigmas as StableCascadeSampling
from comfy.sampling.sigma_tables import ContinuousEdmSigmas as ModelSamplingContinuousEDM
from comfy.sampling.sigma_tables import ContinuousVSigmas as ModelSamplingContinuousV
from comfy.sampling.sigma_tables import CosmosSigmas as ModelSamplingCosmosRFlow
from comfy.sampling.sigma_tables import DiscreteEdmSigmas as ModelSamplingDiscreteEDM
from comfy.sampling.sigma_tables import DiscreteSigmas as ModelSamplingDiscrete
from comfy.sampling.sigma_tables import (
    rescale_zero_terminal_snr_sigmas as rescale_zero_terminal_snr_sigmas,
)

__all__ = [
    "CONST",
    "COSMOS_RFLOW",
    "EDM",
    "EPS",
    "IMG_TO_IMG",
    "V_PREDICTION",
    "X0",
    "ModelSamplingContinuousEDM",
    "ModelSamplingContinuousV",
    "ModelSamplingCosmosRFlow",
    "ModelSamplingDiscrete",
    "ModelSamplingDiscreteEDM",
    "ModelSamplingDiscreteFlow",
    "ModelSamplingFlux",
    "StableCascadeSampling",
    "flux_time_shift",
    "rescale_zero_terminal_snr_sigmas",
    "reshape_sigma",
    "time_snr_shift",
]
