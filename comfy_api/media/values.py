"""Plain media values that cross sockets: pictures, masks, latents, sound, meshes.

Pictures and masks are tensors; the names here are for annotations. torch is not imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from torch import Tensor

    ImageInput: TypeAlias = Tensor
    MaskInput: TypeAlias = Tensor
else:
    ImageInput = Any
    """(b,h,w,c) float32 0..1, c 3 or 4."""
    MaskInput = Any
    """(b,h,w) or (h,w) float32 0..1."""


class LatentInput(TypedDict, total=False):
    """`samples` (b,c,h,w), (b,c,t,h,w) or (b,c,l); `noise_mask` (b,1,h,w) or (b,h,w), 1 = change."""

    samples: Tensor
    noise_mask: Tensor
    batch_index: list[int]
    type: str


class AudioInput(TypedDict):
    """`waveform` (b,channels,samples) float32 -1..1 at `sample_rate` Hz."""

    waveform: Tensor
    sample_rate: int


@dataclass
class Mesh:
    """Triangles: vertices (b,n,3) float32, faces (b,m,3) int64 indices into them."""

    vertices: Tensor
    faces: Tensor


@dataclass
class Voxel:
    """Solid cells: data (b,x,y,z)."""

    data: Tensor
