"""Door: sampler functions. Packs import `sample_<name>` and set their own ones here, which the registry then finds.

Rooms: `comfy.sampling.samplers`, `comfy.sampling.noise`, `comfy.sampling.schedules`.
"""

from comfy._facade import open_door
from comfy.sampling import samplers as samplers  # sample_<name> is read from there, see comfy._facade
from comfy.sampling.noise import BrownianTreeNoiseSampler as BrownianTreeNoiseSampler
from comfy.sampling.noise import default_noise_sampler as default_noise_sampler
from comfy.sampling.samplers.base import append_dims as append_dims
from comfy.sampling.samplers.base import get_ancestral_step as get_ancestral_step
from comfy.sampling.samplers.base import to_d as to_d
from comfy.sampling.schedules import append_zero as append_zero
from comfy.sampling.schedules import exponential_sigmas as get_sigmas_exponential
from comfy.sampling.schedules import karras_sigmas as get_sigmas_karras
from comfy.sampling.schedules import polyexponential_sigmas as get_sigmas_polyexponential
from comfy.sampling.schedules import vp_sigmas as get_sigmas_vp

__all__ = [
    "BrownianTreeNoiseSampler",
    "append_dims",
    "append_zero",
    "default_noise_sampler",
    "get_ancestral_step",
    "get_sigmas_exponential",
    "get_sigmas_karras",
    "get_sigmas_polyexponential",
    "get_sigmas_vp",
    "to_d",
]

open_door(__name__)
