"""Door for node packs. Rooms: comfy/text/conditioning.py, comfy/images/reading.py, comfy/hashing.py, ...

Who needs it: packs that change conditioning, read pictures with Pillow, or hash files.
"""

from __future__ import annotations

from comfy.hashing import hasher as hasher
from comfy.images.alpha import image_alpha_fix as image_alpha_fix
from comfy.images.reading import pillow as pillow
from comfy.memory.dtype_names import string_to_torch_dtype as string_to_torch_dtype
from comfy.text.conditioning import conditioning_set_values as conditioning_set_values

__all__ = [
    "conditioning_set_values",
    "hasher",
    "image_alpha_fix",
    "pillow",
    "string_to_torch_dtype",
]
