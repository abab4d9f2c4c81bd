"""Errors of streams.

StreamError(EngineError)
+-- StreamContractError(ValueError)   a stream broke the rules of `contract` (its author's to fix)
|   +-- StreamOwnershipError          somebody wrote into a chunk that was handed over
+-- StreamUseError(RuntimeError)      a node used a stream it reads in a way it may not
+-- StreamLengthError(ValueError)     two per-frame inputs of one node have different lengths
+-- StreamCycleError(ValueError)      a value that exists only after the drive leads back into what is driven
+-- StreamAborted(RuntimeError)       thrown into a sink whose region ends early; not a fault of its own
+-- ConsumerGone(ConnectionError)     raised by a sink whose outside consumer left or is too slow: ends this sink only
"""

from __future__ import annotations

from collections.abc import Sequence

from comfy_execution.errors import EngineError


class StreamError(EngineError):
    """Base of everything that streams raise on purpose."""


class StreamContractError(StreamError, ValueError):
    """A stream broke the contract. Fields: `stream` (its class), `reason`."""

    def __init__(self, stream: str, reason: str) -> None:
        self.stream, self.reason = stream, reason
        super().__init__(f"{stream}: {reason}")


class StreamOwnershipError(StreamContractError):
    """A chunk changed after it was handed over. Fields: also `node_id`, `role` (producer, consumer)."""

    def __init__(self, stream: str, node_id: str, role: str) -> None:
        self.node_id, self.role = node_id, role
        advice = (
            "hand over a new chunk each time" if role == "producer" else "copy the chunk before changing it"
        )
        super().__init__(
            stream, f"the {role} node {node_id} wrote into a chunk that was handed over; {advice}"
        )


class StreamUseError(StreamError, RuntimeError):
    """A node used a stream it reads in a way it may not. Fields: `node_id`, `reason`."""

    def __init__(self, node_id: str, reason: str) -> None:
        self.node_id, self.reason = node_id, reason
        super().__init__(f"Node {node_id}: {reason}")


class StreamLengthError(StreamError, ValueError):
    """Per-frame inputs of one node differ in length. Fields: `node_id`, `input_name`, `frames`, `expected`."""

    def __init__(self, node_id: str, input_name: str, frames: int, expected: int) -> None:
        self.node_id, self.input_name, self.frames, self.expected = node_id, input_name, frames, expected
        super().__init__(
            f"Node {node_id} input {input_name!r} has {frames} frames; the other frames it goes with are {expected}"
        )


class StreamCycleError(StreamError, ValueError):
    """A late value leads back into the region it comes from. Field: `node_ids`, in the order of the path."""

    def __init__(self, node_ids: Sequence[str], names: Sequence[str] = ()) -> None:
        self.node_ids = tuple(node_ids)
        shown = " -> ".join(names or self.node_ids)
        super().__init__(
            f"These nodes wait for each other: {shown}. The first gives its value only after its stream ended, "
            "and that stream's frames also go to the last"
        )


class StreamAborted(StreamError, RuntimeError):
    """The region this sink belongs to ends early; what it wrote so far will be removed."""

    def __init__(self, reason: str = "the stream ended early") -> None:
        self.reason = reason
        super().__init__(reason)


class ConsumerGone(StreamError, ConnectionError):
    """Who this sink sends to left, or is too slow. Ends this sink only. Fields: `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
