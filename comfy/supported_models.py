"""Door: what packs import as `comfy.supported_models`, mostly for isinstance. Rooms: the families' packages."""

from comfy.models.sd1 import Sd1ModelConfig as SD15

__all__ = ["SD15"]
