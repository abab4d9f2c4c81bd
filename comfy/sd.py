"""Door: what packs import as `comfy.sd`. Rooms: `comfy.models`, `comfy.text`, `comfy.vae`, `comfy.weights.lora`."""

from comfy.models.loading import CLIPType as CLIPType
from comfy.models.loading import load_checkpoint_guess_config as load_checkpoint_guess_config
from comfy.models.loading import load_clip as load_clip
from comfy.models.loading import load_diffusion_model as load_diffusion_model
from comfy.models.loading import load_diffusion_model_state_dict as load_diffusion_model_state_dict
from comfy.models.loading import load_state_dict_guess_config as load_state_dict_guess_config
from comfy.models.loading import load_unet as load_unet
from comfy.models.loading import load_unet_state_dict as load_unet_state_dict
from comfy.models.saving import save_checkpoint as save_checkpoint
from comfy.text.encoder import CLIP as CLIP
from comfy.vae.autoencoder import VAE as VAE
from comfy.weights.lora.load import load_lora_for_models as load_lora_for_models

__all__ = [
    "CLIP",
    "CLIPType",
    "VAE",
    "load_clip",
    "load_checkpoint_guess_config",
    "load_diffusion_model",
    "load_diffusion_model_state_dict",
    "load_lora_for_models",
    "load_state_dict_guess_config",
    "load_unet",
    "load_unet_state_dict",
    "save_checkpoint",
]
