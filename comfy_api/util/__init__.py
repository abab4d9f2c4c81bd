"""Door for older packs: `from comfy_api.util import VideoContainer`. Home: `comfy_api.media.video`."""

from __future__ import annotations

from comfy_api.media.video import VideoCodec as VideoCodec
from comfy_api.media.video import VideoComponents as VideoComponents
from comfy_api.media.video import VideoContainer as VideoContainer

__all__ = ["VideoCodec", "VideoComponents", "VideoContainer"]
