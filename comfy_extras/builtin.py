"""The fixed list of node files that the server itself brings, in the order they are registered.

A line per file. Each file offers NODE_CLASS_MAPPINGS (V1) or `comfy_entrypoint` (V3), like a pack does.
"""

from __future__ import annotations

from comfy_extras.core import CORE_MODULES

EXTRA_MODULES: tuple[str, ...] = (
    "comfy_extras.nodes_audio",
    "comfy_extras.nodes_codec",
    "comfy_extras.nodes_compositing",
    "comfy_extras.nodes_conditioning_frames",
    "comfy_extras.nodes_image_stream",
    "comfy_extras.nodes_images",
    "comfy_extras.nodes_latent",
    "comfy_extras.nodes_latent_stream",
    "comfy_extras.nodes_mask",
    "comfy_extras.nodes_preview_any",
    "comfy_extras.nodes_primitive",
    "comfy_extras.nodes_rebatch",
    "comfy_extras.nodes_string",
    "comfy_extras.nodes_upscale_model",
    "comfy_extras.nodes_video",
)
"""Node files whose own module name is what clients see as `python_module`."""

RENAMED_MODULES: tuple[tuple[str, str], ...] = (
    ("comfy_extras.nodes_image_websocket", "custom_nodes.websocket_image_save"),
)
"""Node files that clients know by another `python_module`."""

CORE_PYTHON_MODULE = "nodes"
"""What clients see as `python_module` of every core node."""


def builtin_modules() -> list[tuple[str, str]]:
    """(module to import, python_module that clients see), core first."""
    core = [(name, CORE_PYTHON_MODULE) for name in CORE_MODULES]
    return core + [(name, name) for name in EXTRA_MODULES] + list(RENAMED_MODULES)
