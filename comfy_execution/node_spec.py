"""What the engine knows of a node class: a frozen record, and the protocol behind it.

The engine never looks at a node class itself. Adapters (`comfy_api.adapters`) read a V1 or V3 class and
return a `NodeSpec`; validation reads the data fields, the runner calls `behaviour`. Sockets are compared by
the strings (or string subclasses with their own `__ne__`) that the author wrote, so `type` keeps the
author's object.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from comfy_execution.streaming.contract import StreamRoles

SocketType = str | list[Any] | tuple[Any, ...]
"""A socket's type name, or for V1 choice widgets the sequence of choices itself."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a node, in the author's words."""

    name: str
    type: SocketType
    options: Mapping[str, Any] = field(default_factory=dict)
    required: bool = True

    @property
    def is_lazy(self) -> bool:
        """Evaluated only when `check_lazy_status` asks for it."""
        return bool(self.options.get("lazy"))

    @property
    def is_raw_link(self) -> bool:
        """The node gets the link `[node_id, slot]` itself instead of the value behind it."""
        return bool(self.options.get("rawLink"))


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output slot of a node."""

    type: SocketType
    name: str
    is_list: bool = False
    tooltip: str | None = None


class NodeBehaviour(Protocol):
    """The callable side of a node class. Methods may return awaitables where the result type says so.

    `inputs` of `call` are the values of one list-mapped call, exactly as the author's function takes them;
    `hidden` holds the resolved hidden values by *hidden type* ("PROMPT", "UNIQUE_ID", ...), and the adapter
    passes them on in its own way (V1: as arguments by their declared names, V3: as `cls.hidden`).
    """

    def make_instance(self) -> object:
        """A fresh node object, kept by the engine while the node id stays in the prompts."""

    def call(
        self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]
    ) -> Any | Awaitable[Any]:
        """Runs the node's work function once. V3 results come back in the V1 form (tuple or dict)."""

    def open_stream(
        self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]
    ) -> Any | Awaitable[Any]:
        """As `call`, of the function that returns streams in place of batches."""

    def drain_stream(self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
        """The generator (or async generator) of a sink; its return value is a result in the V1 form."""

    def stream_estimate(self, instance: object, inputs: Mapping[str, Any]) -> Any:
        """(frames or None, frame shape), or None when nothing is known. Cheap; asked before anything runs."""

    def stream_shape(self, instance: object, shape: tuple[int, ...], inputs: Mapping[str, Any]) -> Any:
        """Shape of an output frame for an input frame of `shape`, from the inputs that are known."""

    @property
    def lazy_check(self) -> Callable[..., Any] | None:
        """`check(instance, inputs, hidden)` -> names still needed (maybe awaitable), or None."""

    @property
    def fingerprint(self) -> Callable[..., Any] | None:
        """`fingerprint(inputs, hidden)` -> value that joins the cache key (maybe awaitable), or None."""

    @property
    def validator(self) -> Callable[..., Any] | None:
        """`validate(inputs, hidden)` -> True, False or text (maybe awaitable), or None."""

    @property
    def validated_inputs(self) -> frozenset[str]:
        """Names the validator takes by parameter; their min, max and choice checks are the author's."""

    @property
    def validates_all(self) -> bool:
        """The validator takes `**kwargs`."""

    @property
    def validates_types(self) -> bool:
        """The validator takes `input_types`: link types are the author's to check."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node class as the engine sees it. Made fresh per prompt: V1 choice lists may read folders.

    `inputs` are in the author's order, required before optional. `hidden` maps argument name to hidden type.
    """

    class_type: str
    node_class: type
    behaviour: NodeBehaviour
    inputs: Mapping[str, InputSpec]
    outputs: tuple[OutputSpec, ...]
    hidden: Mapping[str, str] = field(default_factory=dict)
    api: Literal["v1", "v3"] = "v1"
    is_output: bool = False
    input_is_list: bool = False
    not_idempotent: bool = False
    has_intermediate_output: bool = False
    accept_all_inputs: bool = False
    is_async: bool = False
    expand_inputs: Callable[[Mapping[str, Any]], Mapping[str, InputSpec]] | None = None
    """For nodes with dynamic inputs: the inputs of one prompt entry, by dotted key, from that entry's `inputs`.
    None: `inputs` holds all there is."""

    streams: StreamRoles | None = None
    """What it has to do with streams; None: nothing."""

    def inputs_for(self, values: Mapping[str, Any]) -> Mapping[str, InputSpec]:
        """The inputs that count for a node with these prompt values."""
        return self.inputs if self.expand_inputs is None else self.expand_inputs(values)
