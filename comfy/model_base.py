"""Door: what packs import as `comfy.model_base`. Room: `comfy.models.base`."""

from comfy.models.base import DiffusionModel as BaseModel
from comfy.models.base import ModelType as ModelType

__all__ = ["BaseModel", "ModelType"]
