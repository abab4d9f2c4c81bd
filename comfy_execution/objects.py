"""Node objects: one per node id and class, kept while that node stays in the prompts that run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comfy_execution.node_spec import NodeSpec


class NodeObjects:
    """Objects of sent and ephemeral nodes; an ephemeral one lives as long as the sent node it descends from."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, type], object] = {}
        self._roots: dict[tuple[str, type], tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def begin_prompt(self, prompt: Mapping[str, Mapping[str, Any]]) -> None:
        """Drops the objects of nodes that are not in this prompt, or are there with another class."""
        stale = [
            key
            for key, (root_id, root_class) in self._roots.items()
            if _class_of(prompt, root_id) != root_class
        ]
        for key in stale:
            del self._objects[key], self._roots[key]

    def get(self, node_id: str, spec: NodeSpec, root_id: str, root_class: str) -> object:
        """The object of a node, made now when it is new."""
        key = (node_id, spec.node_class)
        found = self._objects.get(key)
        if found is None:
            found = self._objects[key] = spec.behaviour.make_instance()
            self._roots[key] = (root_id, root_class)
        return found

    def clear(self) -> None:
        """Forgets all objects."""
        self._objects.clear()
        self._roots.clear()


def _class_of(prompt: Mapping[str, Mapping[str, Any]], node_id: str) -> str | None:
    node = prompt.get(node_id)
    return None if node is None else node.get("class_type")
