"""V3 node class -> `NodeSpec`. The engine calls V3 nodes only through what is made here."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any

from comfy_api.adapters.stream_roles import adapted_generator, known_arguments, read_roles
from comfy_api.errors import SchemaError
from comfy_api.schema.dynamic import has_dynamic, nest, unfold
from comfy_api.schema.hidden import HiddenHolder
from comfy_api.schema.node import ComfyNode, as_node_output
from comfy_api.schema.output import NodeOutput
from comfy_api.schema.schema import Schema
from comfy_api.schema.v1_view import output_names
from comfy_execution.graph_utils import ExecutionBlocker
from comfy_execution.node_spec import InputSpec, NodeSpec, OutputSpec


def is_v3(node_class: object) -> bool:
    """Whether a class is read by this adapter."""
    return isinstance(node_class, type) and issubclass(node_class, ComfyNode)


def describe(class_type: str, node_class: type[ComfyNode]) -> NodeSpec:
    """The engine's record of a V3 class, read now.

    Raises: SchemaError; whatever the author's `define_schema` raises.
    """
    schema = node_class.GET_SCHEMA()
    expand_inputs = _unfolder(schema) if has_dynamic(schema.inputs) else None
    inputs = _static_inputs(schema)
    outputs = tuple(
        OutputSpec(output.get_io_type(), str(name), output.is_output_list, output.tooltip)
        for output, name in zip(schema.outputs, output_names(schema), strict=True)
    )
    declared_streams = {
        "frame_wise": schema.frame_wise,
        "grain": schema.frame_wise_grain,
        "stream_inputs": schema.stream_inputs,
        "passthrough": schema.passthrough,
        "shows": schema.is_output_node or schema.has_intermediate_output,
    }
    return NodeSpec(
        class_type=class_type,
        node_class=node_class,
        behaviour=V3Behaviour(node_class, schema),
        inputs=inputs,
        outputs=outputs,
        hidden={hidden.name: hidden.value for hidden in schema.hidden},
        api="v3",
        is_output=schema.is_output_node,
        input_is_list=schema.is_input_list,
        not_idempotent=schema.not_idempotent,
        has_intermediate_output=schema.has_intermediate_output,
        accept_all_inputs=schema.accept_all_inputs,
        is_async=inspect.iscoroutinefunction(node_class.execute),
        expand_inputs=expand_inputs,
        streams=read_roles(node_class, node_class.execute, inputs, outputs, declared_streams),
    )


def _static_inputs(schema: Schema) -> dict[str, InputSpec]:
    ordered = sorted(schema.inputs, key=lambda entry: entry.optional)  # stable: required first
    return {
        entry.id: InputSpec(entry.id, entry.get_io_type(), entry.as_dict(), not entry.optional)
        for entry in ordered
    }


def _unfolder(schema: Schema) -> Callable[[Mapping[str, Any]], dict[str, InputSpec]]:
    def expand(live: Mapping[str, Any]) -> dict[str, InputSpec]:
        return {
            found.key: InputSpec(found.key, found.type, found.options, found.required)
            for found in unfold(schema.inputs, live)
        }

    return expand


class V3Behaviour:
    """Calls an author's class methods on a locked clone that carries the hidden values."""

    def __init__(self, node_class: type[ComfyNode], schema: Schema) -> None:
        self.node_class = node_class
        self.schema = schema

    def make_instance(self) -> object:
        """V3 nodes are class level; the object only marks the node's lifetime for the engine."""
        return self.node_class()

    def call(
        self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]
    ) -> Any | Awaitable[Any]:
        """Runs `execute` once; its result comes back in the V1 form."""
        found = self._clone(hidden).execute(**self._arguments(inputs))
        return self._await_result(found) if inspect.isawaitable(found) else self._v1_result(found)

    def open_stream(
        self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]
    ) -> Any | Awaitable[Any]:
        """Runs the author's `open_stream`; its result comes back in the V1 form."""
        found = self._clone(hidden).open_stream(**self._arguments(inputs))  # type: ignore[attr-defined]
        return self._await_result(found) if inspect.isawaitable(found) else self._v1_result(found)

    def drain_stream(self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
        """The author's `drain_stream` (or an `execute` that is a generator); its result in the V1 form."""
        clone: Any = self._clone(hidden)
        drain = getattr(clone, "drain_stream", None) or clone.execute
        return adapted_generator(drain(**self._arguments(inputs)), self._v1_result)

    def stream_estimate(self, instance: object, inputs: Mapping[str, Any]) -> Any:
        """The author's estimate, from the inputs that it has parameters for."""
        estimate = self.node_class.stream_estimate  # type: ignore[attr-defined]
        return estimate(**known_arguments(estimate, self._arguments(inputs)))

    def stream_shape(self, instance: object, shape: tuple[int, ...], inputs: Mapping[str, Any]) -> Any:
        """The author's frame shape, from the inputs that it has parameters for."""
        of_shape = self.node_class.stream_shape  # type: ignore[attr-defined]
        return of_shape(shape, **known_arguments(of_shape, self._arguments(inputs)))

    async def _await_result(self, found: Awaitable[Any]) -> Any:
        return self._v1_result(await found)

    def _v1_result(self, found: Any) -> Any:
        if isinstance(found, ExecutionBlocker):
            return (found,) * len(self.schema.outputs)
        output = as_node_output(found)
        if output.expand is not None and not self.schema.enable_expand:
            raise SchemaError(
                "execute returned expand; the schema needs enable_expand=True", node_id=self.schema.node_id
            )
        if output.block_execution is not None:
            blocked = (ExecutionBlocker(output.block_execution),) * len(self.schema.outputs)
            return _v1_dict(NodeOutput(*blocked, ui=output.ui))
        return _v1_dict(output)

    def _clone(self, hidden: Mapping[str, Any]) -> type[ComfyNode]:
        return self.node_class.PREPARE_CLASS_CLONE(HiddenHolder.from_types(hidden, self.schema.hidden))

    def _arguments(self, inputs: Mapping[str, Any], *, with_keys: bool = False) -> dict[str, Any]:
        if not has_dynamic(self.schema.inputs):
            return dict(inputs)
        others = self.schema.accept_all_inputs
        return nest(self.schema.inputs, inputs, with_keys=with_keys, keep_others=others)

    @cached_property
    def lazy_check(self) -> Callable[..., Any] | None:
        """`check(instance, inputs, hidden)`; without an own check all missing lazy inputs are needed."""
        lazy = any(entry.lazy for declared in self.schema.inputs for entry in declared.get_all())
        if not lazy and not self.node_class.overrides("check_lazy_status"):
            return None

        def check(instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
            return self._clone(hidden).check_lazy_status(**self._arguments(inputs, with_keys=True))

        return check

    @cached_property
    def fingerprint(self) -> Callable[..., Any] | None:
        """`fingerprint(inputs, hidden)`, or None when the author has none."""
        if not self.node_class.overrides("fingerprint_inputs"):
            return None

        def fingerprint(inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
            return self._clone(hidden).fingerprint_inputs(**self._arguments(inputs))

        return fingerprint

    @cached_property
    def validator(self) -> Callable[..., Any] | None:
        """`validate(inputs, hidden)`, or None when the author has none."""
        if not self.node_class.overrides("validate_inputs"):
            return None

        def validate(inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
            arguments = self._arguments(inputs)
            if self.validates_types and "input_types" in inputs:
                arguments["input_types"] = inputs["input_types"]
            if not self.validates_all:
                arguments = {k: v for k, v in arguments.items() if k in self._validator_parameters}
            return self._clone(hidden).validate_inputs(**arguments)

        return validate

    @cached_property
    def _validator_parameters(self) -> Mapping[str, inspect.Parameter]:
        if not self.node_class.overrides("validate_inputs"):
            return {}
        return inspect.signature(self.node_class.validate_inputs).parameters

    @property
    def validated_inputs(self) -> frozenset[str]:
        """Names the validator takes by parameter."""
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        named = {name for name, found in self._validator_parameters.items() if found.kind not in kinds}
        return frozenset(named - {"input_types"})

    @property
    def validates_all(self) -> bool:
        """The validator takes `**kwargs`."""
        found = self._validator_parameters.values()
        return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in found)

    @property
    def validates_types(self) -> bool:
        """The validator takes `input_types`."""
        return "input_types" in self._validator_parameters


def _v1_dict(output: NodeOutput) -> dict[str, Any]:
    """The V1 form: only the keys that are there."""
    found: dict[str, Any] = {}
    shown = output.ui_dict()
    if shown is not None:
        found["ui"] = shown
    if output.result is not None:
        found["result"] = output.result
    if output.expand is not None:
        found["expand"] = output.expand
    return found
