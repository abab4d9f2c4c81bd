"""Door: streams of latents. Home: `comfy_api.streams`."""

from __future__ import annotations

from comfy_api.streams import LatentStreamInput as LatentStreamInput

__all__ = ["LatentStreamInput"]
