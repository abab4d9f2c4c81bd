"""Door: what packs import as `comfy.model_detection`. Room: `comfy.models.detection`."""

from comfy.models.detection import count_blocks as count_blocks
from comfy.models.detection import detect_unet_config as detect_unet_config
from comfy.models.detection import model_config_from_unet as model_config_from_unet
from comfy.models.detection import unet_prefix_from_state_dict as unet_prefix_from_state_dict

__all__ = ["count_blocks", "detect_unet_config", "model_config_from_unet", "unet_prefix_from_state_dict"]
