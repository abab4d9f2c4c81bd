"""Door for type hints in V1 packs: `from comfy.comfy_types import IO, ComfyNodeABC, InputTypeDict`.

Homes: `comfy.comfy_types.node_typing` and `comfy.comfy_types.unet`.
"""

from __future__ import annotations

from comfy.comfy_types.node_typing import IO as IO
from comfy.comfy_types.node_typing import CheckLazyMixin as CheckLazyMixin
from comfy.comfy_types.node_typing import ComfyNodeABC as ComfyNodeABC
from comfy.comfy_types.node_typing import FileLocator as FileLocator
from comfy.comfy_types.node_typing import HiddenInputTypeDict as HiddenInputTypeDict
from comfy.comfy_types.node_typing import InputTypeDict as InputTypeDict
from comfy.comfy_types.node_typing import InputTypeOptions as InputTypeOptions
from comfy.comfy_types.unet import UnetApplyConds as UnetApplyConds
from comfy.comfy_types.unet import UnetApplyFunction as UnetApplyFunction
from comfy.comfy_types.unet import UnetParams as UnetParams
from comfy.comfy_types.unet import UnetWrapperFunction as UnetWrapperFunction

__all__ = [
    "IO",
    "CheckLazyMixin",
    "ComfyNodeABC",
    "FileLocator",
    "HiddenInputTypeDict",
    "InputTypeDict",
    "InputTypeOptions",
    "UnetApplyConds",
    "UnetApplyFunction",
    "UnetParams",
    "UnetWrapperFunction",
]
