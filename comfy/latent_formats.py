"""Door: what packs import as `comfy.latent_formats`. Room: `comfy.latents.formats`."""

from comfy.latents.formats import LTXV as LTXV
from comfy.latents.formats import SC_B as SC_B
from comfy.latents.formats import SD3 as SD3
from comfy.latents.formats import SD15 as SD15
from comfy.latents.formats import SD_X4 as SD_X4
from comfy.latents.formats import SDXL as SDXL
from comfy.latents.formats import ACEAudio as ACEAudio
from comfy.latents.formats import ChromaRadiance as ChromaRadiance
from comfy.latents.formats import Cosmos1CV8x8x8 as Cosmos1CV8x8x8
from comfy.latents.formats import Flux as Flux
from comfy.latents.formats import Hunyuan3Dv2 as Hunyuan3Dv2
from comfy.latents.formats import Hunyuan3Dv2_1 as Hunyuan3Dv2_1
from comfy.latents.formats import Hunyuan3Dv2mini as Hunyuan3Dv2mini
from comfy.latents.formats import HunyuanImage21 as HunyuanImage21
from comfy.latents.formats import HunyuanVideo as HunyuanVideo
from comfy.latents.formats import LatentFormat as LatentFormat
from comfy.latents.formats import Mochi as Mochi
from comfy.latents.formats import SC_Prior as SC_Prior
from comfy.latents.formats import SDXL_Playground_2_5 as SDXL_Playground_2_5
from comfy.latents.formats import StableAudio1 as StableAudio1
from comfy.latents.formats import Wan21 as Wan21
from comfy.latents.formats import Wan22 as Wan22

__all__ = [
    "ACEAudio",
    "ChromaRadiance",
    "Cosmos1CV8x8x8",
    "Flux",
    "Hunyuan3Dv2",
    "Hunyuan3Dv2_1",
    "Hunyuan3Dv2mini",
    "HunyuanImage21",
    "HunyuanVideo",
    "LTXV",
    "LatentFormat",
    "Mochi",
    "SC_B",
    "SC_Prior",
    "SD15",
    "SD3",
    "SDXL",
    "SDXL_Playground_2_5",
    "SD_X4",
    "StableAudio1",
    "Wan21",
    "Wan22",
]
