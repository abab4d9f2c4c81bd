"""Door for packs written against version 0.0.2 of the interface: the names of `comfy_api.latest`, unchanged."""

from __future__ import annotations

from comfy_api import input_impl as InputImpl
from comfy_api.latest import _input as Input
from comfy_api.latest import _io as io
from comfy_api.latest import _ui as ui
from comfy_api.latest import _util as Types
from comfy_api.progress import ComfyAPISyncV0_0_2 as ComfyAPISync
from comfy_api.progress import ComfyAPIV0_0_2 as ComfyAPI
from comfy_api.schema.extension import ComfyExtension as ComfyExtension

__all__ = ["ComfyAPI", "ComfyAPISync", "ComfyExtension", "Input", "InputImpl", "Types", "io", "ui"]
