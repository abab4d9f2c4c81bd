"""Errors that node authors see.

ApiError
+-- SchemaError(ValueError)       a node's declaration contradicts itself
+-- LockedClassError(AttributeError)  a node wrote to its class while it ran
+-- MediaError(ValueError)        a media value cannot be read or written as asked
"""

from __future__ import annotations


class ApiError(Exception):
    """Base of everything `comfy_api` raises on purpose."""


class SchemaError(ApiError, ValueError):
    """A node's declaration contradicts itself.

    Fields: `node_id` (class type, may be empty while unknown), `field` (input, output or attribute at fault,
    may be empty), `reason`.
    """

    def __init__(self, reason: str, *, node_id: str = "", field: str = "") -> None:
        self.reason, self.node_id, self.field = reason, node_id, field
        where = f"node {node_id!r}: " if node_id else ""
        at = f"{field}: " if field else ""
        super().__init__(f"{where}{at}{reason}")


class LockedClassError(ApiError, AttributeError):
    """A V3 node wrote to its class inside one of its methods; state there would leak between runs.

    Fields: `node_id` (name of the class), `attribute`.
    """

    def __init__(self, node_id: str, attribute: str) -> None:
        self.node_id, self.attribute = node_id, attribute
        super().__init__(
            f"{node_id}.{attribute} cannot be set while the node runs; pass values through outputs instead"
        )


class MediaError(ApiError, ValueError):
    """A media value cannot be read or written as asked. Fields: `reason`, `source` (path or kind)."""

    def __init__(self, reason: str, *, source: str = "") -> None:
        self.reason, self.source = reason, source
        super().__init__(f"{source}: {reason}" if source else reason)
