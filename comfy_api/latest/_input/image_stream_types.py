"""Door: streams of pictures. Home: `comfy_api.streams`."""

from __future__ import annotations

from comfy_api.streams import ImageStreamInput as ImageStreamInput

__all__ = ["ImageStreamInput"]
