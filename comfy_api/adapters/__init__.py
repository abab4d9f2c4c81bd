"""Adapters: from an author's node class to the `NodeSpec` that the engine knows. One file per API generation.

Importing this package loads neither torch nor a schema; `v3` is loaded with the first V3 class.
"""

from __future__ import annotations

from comfy_api.adapters import v1
from comfy_execution.node_spec import NodeSpec


def describe(class_type: str, node_class: type) -> NodeSpec:
    """The spec of a class of either generation, read now.

    Raises: whatever the class's own INPUT_TYPES or define_schema raises.
    """
    if callable(getattr(node_class, "GET_SCHEMA", None)):
        from comfy_api.adapters import v3

        return v3.describe(class_type, node_class)
    return v1.describe(class_type, node_class)
