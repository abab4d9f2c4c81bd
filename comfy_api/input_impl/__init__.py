"""Door for packs that make videos: `from comfy_api.input_impl import VideoFromFile`. Homes: `comfy_api.media.*`."""

from __future__ import annotations

from comfy_api.media.video_file import VideoFromFile as VideoFromFile
from comfy_api.media.video_input import VideoFromComponents as VideoFromComponents
from comfy_api.media.video_list import VideoFromList as VideoFromList

__all__ = ["VideoFromComponents", "VideoFromFile", "VideoFromList"]
