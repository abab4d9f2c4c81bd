"""The graph of one prompt while it runs: the nodes that were sent and those that expansions add.

Knows ids, ancestry and which id clients show; knows nothing of classes, values or order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comfy_execution.errors import NodeNotFoundError


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Where an ephemeral node comes from."""

    parent_id: str
    real_id: str
    display_id: str


def running_copy(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose nodes and input maps may be changed without touching what was sent."""
    return {node_id: {**node, "inputs": {**node["inputs"]}} for node_id, node in prompt.items()}


class DynamicPrompt:
    """Original nodes plus ephemeral ones. Nodes reach it through the hidden input DYNPROMPT."""

    def __init__(self, original_prompt: dict[str, Any]) -> None:
        self.original_prompt = original_prompt
        self.ephemeral_prompt: dict[str, Any] = {}
        self._ancestry: dict[str, Ancestry] = {}

    def get_node(self, node_id: str) -> dict[str, Any]:
        """A node in prompt form.

        Raises: NodeNotFoundError.
        """
        node = self.original_prompt.get(node_id)
        if node is None:
            node = self.ephemeral_prompt.get(node_id)
        if node is None:
            raise NodeNotFoundError(node_id)
        found: dict[str, Any] = node
        return found

    def has_node(self, node_id: str) -> bool:
        """Whether the id is known."""
        return node_id in self.original_prompt or node_id in self.ephemeral_prompt

    def add_ephemeral_node(
        self, node_id: str, node_info: dict[str, Any], parent_id: str, display_id: str | None = None
    ) -> None:
        """Adds a node of an expansion; an id that is there already is replaced."""
        self.ephemeral_prompt[node_id] = node_info
        self._ancestry[node_id] = Ancestry(
            parent_id,
            self.get_real_node_id(parent_id),
            self.get_display_node_id(parent_id) if display_id is None else display_id,
        )

    def get_real_node_id(self, node_id: str) -> str:
        """The node of the sent prompt that this one descends from (itself when it was sent)."""
        ancestry = self._ancestry.get(node_id)
        return node_id if ancestry is None else ancestry.real_id

    def get_parent_node_id(self, node_id: str) -> str | None:
        """The node whose expansion made this one."""
        ancestry = self._ancestry.get(node_id)
        return None if ancestry is None else ancestry.parent_id

    def get_display_node_id(self, node_id: str) -> str:
        """The node that clients show for this one."""
        ancestry = self._ancestry.get(node_id)
        return node_id if ancestry is None else ancestry.display_id

    def all_node_ids(self) -> set[str]:
        """Ids of both kinds."""
        return set(self.original_prompt) | set(self.ephemeral_prompt)

    def get_original_prompt(self) -> dict[str, Any]:
        """The prompt that runs, with converted values and the `is_changed` lists."""
        return self.original_prompt
