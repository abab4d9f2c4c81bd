"""Samplers: how a run walks down the noise levels. One algorithm family per file; read `base` first.

The names `sample_<name>` here are what `comfy.sampling.registry` finds for a sampler's name; packs add theirs through
the door `comfy.k_diffusion.sampling`, which forwards to this module.
"""

from comfy.sampling.samplers.cfg_pp import sample_dpmpp_2m_cfg_pp as sample_dpmpp_2m_cfg_pp
from comfy.sampling.samplers.cfg_pp import sample_euler_ancestral_cfg_pp as sample_euler_ancestral_cfg_pp
from comfy.sampling.samplers.cfg_pp import sample_euler_cfg_pp as sample_euler_cfg_pp
from comfy.sampling.samplers.ddpm import sample_ddpm as sample_ddpm
from comfy.sampling.samplers.ddpm import sample_lcm as sample_lcm
from comfy.sampling.samplers.deis import sample_deis as sample_deis
from comfy.sampling.samplers.dpm_2 import sample_dpm_2 as sample_dpm_2
from comfy.sampling.samplers.dpm_2 import sample_dpm_2_ancestral as sample_dpm_2_ancestral
from comfy.sampling.samplers.dpm_solver import sample_dpm_adaptive as sample_dpm_adaptive
from comfy.sampling.samplers.dpm_solver import sample_dpm_fast as sample_dpm_fast
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m as sample_dpmpp_2m
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde as sample_dpmpp_2m_sde
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde_gpu as sample_dpmpp_2m_sde_gpu
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde_heun as sample_dpmpp_2m_sde_heun
from comfy.sampling.samplers.dpmpp_2m import sample_dpmpp_2m_sde_heun_gpu as sample_dpmpp_2m_sde_heun_gpu
from comfy.sampling.samplers.dpmpp_2s import sample_dpmpp_2s_ancestral as sample_dpmpp_2s_ancestral
from comfy.sampling.samplers.dpmpp_2s import (
    sample_dpmpp_2s_ancestral_cfg_pp as sample_dpmpp_2s_ancestral_cfg_pp,
)
from comfy.sampling.samplers.dpmpp_sde import sample_dpmpp_3m_sde as sample_dpmpp_3m_sde
from comfy.sampling.samplers.dpmpp_sde import sample_dpmpp_3m_sde_gpu as sample_dpmpp_3m_sde_gpu
from comfy.sampling.samplers.dpmpp_sde import sample_dpmpp_sde as sample_dpmpp_sde
from comfy.sampling.samplers.dpmpp_sde import sample_dpmpp_sde_gpu as sample_dpmpp_sde_gpu
from comfy.sampling.samplers.er_sde import sample_er_sde as sample_er_sde
from comfy.sampling.samplers.euler import sample_euler as sample_euler
from comfy.sampling.samplers.euler import sample_euler_ancestral as sample_euler_ancestral
from comfy.sampling.samplers.euler import sample_euler_ancestral_RF as sample_euler_ancestral_RF
from comfy.sampling.samplers.gradient_estimation import (
    sample_gradient_estimation as sample_gradient_estimation,
)
from comfy.sampling.samplers.gradient_estimation import (
    sample_gradient_estimation_cfg_pp as sample_gradient_estimation_cfg_pp,
)
from comfy.sampling.samplers.heun import sample_heun as sample_heun
from comfy.sampling.samplers.heun import sample_heunpp2 as sample_heunpp2
from comfy.sampling.samplers.multistep import sample_ipndm as sample_ipndm
from comfy.sampling.samplers.multistep import sample_ipndm_v as sample_ipndm_v
from comfy.sampling.samplers.multistep import sample_lms as sample_lms
from comfy.sampling.samplers.res_multistep import sample_res_multistep as sample_res_multistep
from comfy.sampling.samplers.res_multistep import (
    sample_res_multistep_ancestral as sample_res_multistep_ancestral,
)
from comfy.sampling.samplers.res_multistep import (
    sample_res_multistep_ancestral_cfg_pp as sample_res_multistep_ancestral_cfg_pp,
)
from comfy.sampling.samplers.res_multistep import sample_res_multistep_cfg_pp as sample_res_multistep_cfg_pp
from comfy.sampling.samplers.sa_solver import sample_sa_solver as sample_sa_solver
from comfy.sampling.samplers.sa_solver import sample_sa_solver_pece as sample_sa_solver_pece
from comfy.sampling.samplers.seeds import sample_seeds_2 as sample_seeds_2
from comfy.sampling.samplers.seeds import sample_seeds_3 as sample_seeds_3
from comfy.sampling.samplers.uni_pc import sample_uni_pc as sample_uni_pc
from comfy.sampling.samplers.uni_pc import sample_uni_pc_bh2 as sample_uni_pc_bh2
