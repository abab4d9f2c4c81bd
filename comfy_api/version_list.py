"""Door: the versions of the interface that packs may ask for, newest first. Home: `comfy_api.progress`."""

from __future__ import annotations

from comfy_api.progress import ComfyAPI, ComfyAPIV0_0_1, ComfyAPIV0_0_2

supported_versions: list[type[ComfyAPI]] = [ComfyAPI, ComfyAPIV0_0_2, ComfyAPIV0_0_1]

__all__ = ["supported_versions"]
