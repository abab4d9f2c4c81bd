"""Door: what packs import as `comfy.supported_models_base`. Room: `comfy.models.base`."""

from comfy.models.base import ModelConfig as BASE

__all__ = ["BASE"]
