"""Samplers: how a run walks down the noise levels. One algorithm family per file; read `base` first.

The names `sample_<name>` here are what `comfy.sampling.registry` finds for a sampler's name; packs add theirs through
the door `comfy.k_diffusion.sampling`, which forwards to this module.
"""

from comfy.sampling.samplers.euler import sample_euler as sample_euler
from comfy.sampling.samplers.euler import sample_euler_ancestral as sample_euler_ancestral
from comfy.sampling.samplers.euler import sample_euler_ancestral_RF as sample_euler_ancestral_RF
