"""Samplers: how a run walks down the noise levels. One algorithm family per file; read `base` first.

The names `sample_<name>` here are what `comfy.sampling.registry` finds for a sampler's name; packs add theirs through
the door `comfy.k_diffusion.sampling`, which forwards to this module.
"""

from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m as sample_dpmpp_2m
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde as sample_dpmpp_2m_sde
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde_gpu as sample_dpmpp_2m_sde_gpu
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde_heun as sample_dpmpp_2m_sde_heun
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde_heun_gpu as sample_dpmpp_2m_sde_heun_gpu
from comfy.sampling.samplers.euler import sample_euler as sample_euler
from comfy.sampling.samplers.euler import sample_euler_ancestral as sample_euler_ancestral
from comfy.sampling.samplers.euler import sample_euler_ancestral_RF as sample_euler_ancestral_RF
from comfy.sampling.samplers.uni_pc import sample_uni_pc as sample_uni_pc
from comfy.sampling.samplers.uni_pc import sample_uni_pc_bh2 as sample_uni_pc_bh2
