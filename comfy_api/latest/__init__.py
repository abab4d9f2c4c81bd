"""Door for V3 node packs: `from comfy_api.latest import ComfyExtension, io, ui, Input, InputImpl, Types`.

Homes: `comfy_api.schema` (io, ComfyExtension), `comfy_api.schema.ui`, `comfy_api.media`, `comfy_api.progress`.
`IO`, `UI` and `comfy_io` are older and newer spellings of the same modules.
"""

from __future__ import annotations

from comfy_api import caching as Caching
from comfy_api import input_impl as InputImpl
from comfy_api.latest import _input as Input
from comfy_api.latest import _io as io
from comfy_api.latest import _ui as ui
from comfy_api.latest import _util as Types
from comfy_api.progress import ComfyAPI as ComfyAPI
from comfy_api.progress import ComfyAPISync as ComfyAPISync
from comfy_api.schema.extension import ComfyExtension as ComfyExtension

IO = io
UI = ui
comfy_io = io

__all__ = [
    "IO",
    "UI",
    "ComfyAPI",
    "ComfyAPISync",
    "ComfyExtension",
    "Caching",
    "Input",
    "InputImpl",
    "Types",
    "comfy_io",
    "io",
    "ui",
]
