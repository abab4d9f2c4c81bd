"""`ComfyExtension`: what a pack's `comfy_entrypoint()` returns."""

from __future__ import annotations

from abc import ABC, abstractmethod

from comfy_api.schema.node import ComfyNode


class ComfyExtension(ABC):
    """A pack of V3 nodes."""

    async def on_load(self) -> None:
        """Called once, before the node list is asked for. Override to prepare the pack."""
        return

    @abstractmethod
    async def get_node_list(self) -> list[type[ComfyNode]]:
        """The node classes of the pack."""
