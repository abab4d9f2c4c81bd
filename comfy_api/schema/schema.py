"""`Schema`: everything a V3 node declares, and the rules it must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from comfy_api.errors import SchemaError
from comfy_api.schema.hidden import Hidden
from comfy_api.schema.sockets import SocketInput, SocketOutput
from comfy_execution.streaming.contract import STREAM_TYPES


@dataclass
class PriceBadgeDepends:
    """What the price expression reads: widget ids, input ids, ids of grown groups."""

    widgets: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    input_groups: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As clients read it."""
        return dict(vars(self))


@dataclass
class PriceBadge:
    """A price shown on API nodes; `expr` is a JSONata expression that the client evaluates."""

    expr: str
    depends_on: PriceBadgeDepends = field(default_factory=PriceBadgeDepends)
    engine: str = "jsonata"

    def as_dict(self) -> dict[str, Any]:
        """As clients read it."""
        return {"engine": self.engine, "depends_on": self.depends_on.as_dict(), "expr": self.expr}


@dataclass
class Schema:
    """A node's declaration. Authors may change the object until `define_schema` returns it.

    `node_id` is the class type in prompts and must be unique; `category` a path like "image/exposure".
    Output nodes also get the hidden prompt and extra_pnginfo, API nodes the two credentials.
    Streams: `frame_wise` names the per-frame inputs of an `execute` that may be called chunk by chunk (with
    `frame_wise_grain` g, on frames [kg, (k+1)g) only); `stream_inputs` the inputs that `open_stream` and
    `drain_stream` take as streams (all of a streamable type by default); `passthrough` the input whose frames
    go unchanged to every stream output.
    """

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[SocketInput] = field(default_factory=list)
    outputs: list[SocketOutput] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_api_node: bool = False
    not_idempotent: bool = False
    enable_expand: bool = False
    search_aliases: list[str] = field(default_factory=list)
    is_dev_only: bool = False
    price_badge: PriceBadge | None = None
    accept_all_inputs: bool = False
    essentials_category: str | None = None
    has_intermediate_output: bool = False
    loop_boundary: Literal["start", "end"] | None = None
    frame_wise: list[str] | None = None
    frame_wise_grain: int | None = None
    stream_inputs: list[str] | None = None
    passthrough: str | None = None

    def finalize(self) -> None:
        """Fills in what follows from the flags: lists, hidden inputs, output ids. Safe to call again."""
        self.inputs = list(self.inputs or ())
        self.outputs = list(self.outputs or ())
        wanted = list(self.hidden or ())
        if self.is_output_node:
            wanted += [Hidden.prompt, Hidden.extra_pnginfo]
        if self.is_api_node:
            wanted += [Hidden.auth_token_comfy_org, Hidden.api_key_comfy_org]
        self.hidden = list(dict.fromkeys(wanted))
        for index, output in enumerate(self.outputs):
            if output.id is None:
                io_type = output.get_io_type()
                name = io_type if isinstance(io_type, str) else "COMBO"
                output.id = f"_{index}_{name}_"

    def validate(self) -> None:
        """Raises SchemaError for the first contradiction: ids missing or doubled, wrong kinds, bad ranges."""
        if not self.node_id or not isinstance(self.node_id, str):
            raise SchemaError("needs a non-empty node_id", field="node_id")
        self._check_list("inputs", self.inputs, SocketInput)
        self._check_list("outputs", self.outputs, SocketOutput)
        self._check_streams()
        for hidden in self.hidden:
            if not isinstance(hidden, Hidden):
                raise SchemaError(f"hidden takes members of io.Hidden, not {hidden!r}", node_id=self.node_id)
        for entry in self.inputs:
            for problem in entry.problems():
                raise SchemaError(problem, node_id=self.node_id, field=f"input {entry.id!r}")

    def _check_streams(self) -> None:
        known = {entry.id for entry in self.inputs}
        passed = [] if self.passthrough is None else [self.passthrough]
        for name, ids in (
            ("frame_wise", self.frame_wise),
            ("stream_inputs", self.stream_inputs),
            ("passthrough", passed),
        ):
            for unknown in [entry_id for entry_id in ids or () if entry_id not in known]:
                raise SchemaError(f"names no input: {unknown!r}", node_id=self.node_id, field=name)
        if self.frame_wise_grain is not None and self.frame_wise_grain < 1:
            raise SchemaError(
                "is a number of frames from 1 on", node_id=self.node_id, field="frame_wise_grain"
            )
        for output in self.outputs:
            if output.is_output_list and output.get_io_type() in STREAM_TYPES:
                raise SchemaError(
                    "a stream output cannot be a list; list-mapped inputs give one stream per item",
                    node_id=self.node_id,
                    field=f"output {output.id!r}",
                )

    def _check_list(
        self, name: str, entries: Sequence[SocketInput | SocketOutput], kind: type[SocketInput | SocketOutput]
    ) -> None:
        seen: set[str] = set()
        for entry in entries:
            if not isinstance(entry, kind):
                want = f"io.<Type>.{'Input' if kind is SocketInput else 'Output'}"
                raise SchemaError(f"{name} takes {want} objects, not {entry!r}", node_id=self.node_id)
            if entry.id is not None and entry.id in seen:
                raise SchemaError("the id is used twice", node_id=self.node_id, field=f"{name} {entry.id!r}")
            if entry.id is not None:
                seen.add(entry.id)
