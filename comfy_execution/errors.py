"""Errors of the engine.

EngineError
+-- PromptError(ValueError)            the graph that the user sent, or that a node expanded into
|   +-- NodeInputError                 one input of one node
|   +-- NodeNotFoundError(LookupError) a node id or node class that does not exist
|   +-- DependencyCycleError           nodes that need each other
+-- EngineThreadError(RuntimeError)    a prompt was started on somebody else's event loop
+-- NodeResultError(TypeError)         a node returned something that is no result (its author's to fix)
+-- InvariantError(RuntimeError)       our bug; carries the story of the node concerned

What a node itself raises is none of these: it travels as it is and becomes a report in `reports.py`.
"""

from __future__ import annotations

from collections.abc import Sequence


class EngineError(Exception):
    """Base of everything the engine raises on purpose."""


class PromptError(EngineError, ValueError):
    """The graph cannot be used as it is."""


class NodeInputError(PromptError):
    """One input of one node cannot be used. Fields: `node_id`, `input_name`, `reason`."""

    def __init__(self, node_id: str, input_name: str, reason: str) -> None:
        self.node_id, self.input_name, self.reason = node_id, input_name, reason
        super().__init__(f"Node {node_id} input {input_name!r}: {reason}")


class NodeNotFoundError(PromptError, LookupError):
    """A node id or class is missing. Fields: `node_id`, `class_type` (empty when the id is unknown)."""

    def __init__(self, node_id: str, class_type: str = "") -> None:
        self.node_id, self.class_type = node_id, class_type
        what = f"class {class_type!r} is not registered" if class_type else "no such node in the graph"
        super().__init__(f"Node {node_id}: {what}")


class DependencyCycleError(PromptError):
    """Nodes need each other's outputs. Field: `node_ids`, in the order of the cycle."""

    def __init__(self, node_ids: Sequence[str] = ()) -> None:
        self.node_ids = tuple(node_ids)
        super().__init__("Dependency cycle detected")


class EngineThreadError(EngineError, RuntimeError):
    """The engine was asked to run a prompt in a thread whose event loop runs already."""

    def __init__(self) -> None:
        super().__init__(
            "prompts run in the engine's own thread; this one has a running event loop, which a prompt would block"
        )


class NodeResultError(EngineError, TypeError):
    """A node returned something that is no result. Fields: `class_type`, `expected`, `found`."""

    def __init__(self, class_type: str, expected: str, found: str) -> None:
        self.class_type, self.expected, self.found = class_type, expected, found
        super().__init__(f"{class_type} must return {expected}, it returned {found}")


class InvariantError(EngineError, RuntimeError):
    """Our own bug: a move that the transition table does not know.

    Fields: `node_id`, `state`, `event`, `story` (the moves of this node so far).
    """

    def __init__(self, node_id: str, state: object, event: object, story: Sequence[object] = ()) -> None:
        self.node_id, self.state, self.event, self.story = node_id, state, event, tuple(story)
        told = " ".join(str(move) for move in self.story) or "nothing yet"
        super().__init__(f"Node {node_id} cannot take {event} in state {state}; story: {told}")
