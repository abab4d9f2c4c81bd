"""Door behind `comfy_api.latest.Types`. Homes: `comfy_api.media.video`, `comfy_api.media.values`."""

from __future__ import annotations

from comfy_api.media.values import Mesh as MESH
from comfy_api.media.values import Voxel as VOXEL
from comfy_api.media.video import VideoCodec as VideoCodec
from comfy_api.media.video import VideoComponents as VideoComponents
from comfy_api.media.video import VideoContainer as VideoContainer

__all__ = ["MESH", "VOXEL", "VideoCodec", "VideoComponents", "VideoContainer"]
