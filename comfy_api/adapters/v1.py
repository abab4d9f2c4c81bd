"""V1 node classes (INPUT_TYPES, RETURN_TYPES, FUNCTION ...) as `NodeSpec`s."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from comfy_api.adapters.stream_roles import known_arguments, read_roles
from comfy_execution.node_spec import InputSpec, NodeSpec, OutputSpec

_SECTIONS = (("required", True), ("optional", False))


def describe(class_type: str, node_class: type) -> NodeSpec:
    """Reads a V1 class. INPUT_TYPES is called, because choice lists may name files of this moment.

    Raises: whatever INPUT_TYPES raises; AttributeError for a class without RETURN_TYPES or FUNCTION.
    """
    cls: Any = node_class
    declared: Mapping[str, Any] = cls.INPUT_TYPES()
    hidden = {name: _hidden_type(kind) for name, kind in (declared.get("hidden") or {}).items()}
    inputs = {
        name: _input_spec(name, entry, required)
        for section, required in _SECTIONS
        for name, entry in (declared.get(section) or {}).items()
    }
    is_list = bool(getattr(cls, "INPUT_IS_LIST", False))
    function = getattr(cls, cls.FUNCTION, None)
    outputs = _outputs(cls)
    is_output = getattr(cls, "OUTPUT_NODE", False) is True
    shows_results = bool(getattr(cls, "HAS_INTERMEDIATE_OUTPUT", False))
    declared_streams = {
        "frame_wise": getattr(cls, "FRAME_WISE", None),
        "grain": getattr(cls, "FRAME_WISE_GRAIN", None),
        "stream_inputs": getattr(cls, "STREAM_INPUTS", None),
        "passthrough": getattr(cls, "PASSTHROUGH", None),
        "shows": is_output or shows_results,
    }
    return NodeSpec(
        class_type=class_type,
        node_class=node_class,
        behaviour=V1Behaviour(node_class, hidden, is_list),
        inputs=inputs,
        outputs=outputs,
        hidden=hidden,
        api="v1",
        is_output=is_output,
        input_is_list=is_list,
        not_idempotent=bool(getattr(cls, "NOT_IDEMPOTENT", False)),
        has_intermediate_output=shows_results,
        is_async=inspect.iscoroutinefunction(function),
        expand_inputs=_open_ended(declared, inputs),
        streams=read_roles(cls, function, inputs, outputs, declared_streams),
    )


class V1Behaviour:
    """The callable side of a V1 class. Hidden values go in by the argument names that the class declared."""

    def __init__(self, node_class: Any, hidden: Mapping[str, str], is_list: bool) -> None:
        self._class = node_class
        self._hidden = hidden
        self._is_list = is_list
        self._function = str(node_class.FUNCTION)

    def make_instance(self) -> object:
        """A fresh node object."""
        made: object = self._class()
        return made

    def call(
        self, instance: object, inputs: Mapping[str, Any], hidden: Mapping[str, Any]
    ) -> Any | Awaitable[Any]:
        """Runs the work function once."""
        function = getattr(instance, self._function)
        if not self._hidden:
            return function(**inputs)
        return function(**inputs, **self._named(hidden))

    def open_stream(
        self, instance: Any, inputs: Mapping[str, Any], hidden: Mapping[str, Any]
    ) -> Any | Awaitable[Any]:
        """Runs the author's `open_stream`."""
        return instance.open_stream(**inputs, **self._accepted(instance.open_stream, hidden))

    def drain_stream(self, instance: Any, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
        """The author's `drain_stream`; an ordinary function that is a generator is one too."""
        drain = getattr(instance, "drain_stream", None)
        if drain is None:
            return self.call(instance, inputs, hidden)
        return drain(**inputs, **self._accepted(drain, hidden))

    def stream_estimate(self, instance: Any, inputs: Mapping[str, Any]) -> Any:
        """The author's estimate, from the inputs that it has parameters for."""
        return instance.stream_estimate(**known_arguments(instance.stream_estimate, inputs))

    def stream_shape(self, instance: Any, shape: tuple[int, ...], inputs: Mapping[str, Any]) -> Any:
        """The author's frame shape, from the inputs that it has parameters for."""
        return instance.stream_shape(shape, **known_arguments(instance.stream_shape, inputs))

    @cached_property
    def lazy_check(self) -> Callable[..., Any] | None:
        """`check(instance, inputs, hidden)` when the class has `check_lazy_status`."""
        if not hasattr(self._class, "check_lazy_status"):
            return None
        return self._check_lazy

    @cached_property
    def fingerprint(self) -> Callable[..., Any] | None:
        """`fingerprint(inputs, hidden)` when the class has IS_CHANGED."""
        function = getattr(self._class, "IS_CHANGED", None)
        if function is None:
            return None
        return lambda inputs, hidden: function(**inputs, **self._accepted(function, hidden))

    @cached_property
    def validator(self) -> Callable[..., Any] | None:
        """`validate(inputs, hidden)` when the class has VALIDATE_INPUTS."""
        function = getattr(self._class, "VALIDATE_INPUTS", None)
        if function is None:
            return None
        return lambda inputs, hidden: function(**inputs, **self._accepted(function, hidden))

    @cached_property
    def validated_inputs(self) -> frozenset[str]:
        """Names that VALIDATE_INPUTS takes, without `input_types`."""
        return _parameters(getattr(self._class, "VALIDATE_INPUTS", None))[0] - {"input_types"}

    @cached_property
    def validates_all(self) -> bool:
        """VALIDATE_INPUTS takes `**kwargs`."""
        return _parameters(getattr(self._class, "VALIDATE_INPUTS", None))[1]

    @cached_property
    def validates_types(self) -> bool:
        """VALIDATE_INPUTS takes `input_types`."""
        return "input_types" in _parameters(getattr(self._class, "VALIDATE_INPUTS", None))[0]

    def _check_lazy(self, instance: Any, inputs: Mapping[str, Any], hidden: Mapping[str, Any]) -> Any:
        check = instance.check_lazy_status
        return check(**inputs, **self._accepted(check, hidden))

    def _named(self, hidden: Mapping[str, Any]) -> dict[str, Any]:
        """Hidden values by argument name; classes that take lists get each in a list of one."""
        named = {name: hidden.get(kind) for name, kind in self._hidden.items()}
        return {name: [value] for name, value in named.items()} if self._is_list else named

    def _accepted(self, function: Any, hidden: Mapping[str, Any]) -> dict[str, Any]:
        """The hidden values that one of the class's other functions has a parameter for."""
        if not self._hidden:
            return {}
        names, takes_all = _parameters(function)
        return {name: value for name, value in self._named(hidden).items() if takes_all or name in names}


def _parameters(function: Any) -> tuple[frozenset[str], bool]:
    """(names that may be passed by keyword, whether it takes `**kwargs`) of a bound function."""
    if function is None:
        return frozenset(), False
    parameters = inspect.signature(function).parameters.values()
    names = frozenset(
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    )
    return names, any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _input_spec(name: str, entry: Any, required: bool) -> InputSpec:
    if isinstance(entry, str):
        return InputSpec(name, entry, {}, required)
    options = entry[1] if len(entry) > 1 and isinstance(entry[1], Mapping) else {}
    return InputSpec(name, entry[0], options, required)


def _hidden_type(kind: Any) -> str:
    return kind if isinstance(kind, str) else str(kind[0])


def _outputs(cls: Any) -> tuple[OutputSpec, ...]:
    types: Sequence[Any] = cls.RETURN_TYPES
    names: Sequence[str] = getattr(cls, "RETURN_NAMES", None) or ()
    is_list: Sequence[bool] = getattr(cls, "OUTPUT_IS_LIST", None) or ()
    tooltips: Sequence[str | None] = getattr(cls, "OUTPUT_TOOLTIPS", None) or ()
    return tuple(
        OutputSpec(
            kind,
            names[i] if i < len(names) else (kind if isinstance(kind, str) else "COMBO"),
            bool(is_list[i]) if i < len(is_list) else False,
            tooltips[i] if i < len(tooltips) else None,
        )
        for i, kind in enumerate(types)
    )


def _open_ended(
    declared: Mapping[str, Any], inputs: Mapping[str, InputSpec]
) -> Callable[[Mapping[str, Any]], Mapping[str, InputSpec]] | None:
    """For classes whose sections are mappings of their own that claim to contain any name (a known trick of packs)."""
    sections = [
        (declared[section], required)
        for section, required in _SECTIONS
        if declared.get(section) is not None and type(declared[section]) is not dict
    ]
    if not sections:
        return None

    def expand(values: Mapping[str, Any]) -> Mapping[str, InputSpec]:
        found = dict(inputs)
        for name in values:
            for section, required in sections:
                if name not in found and name in section:
                    found[name] = _input_spec(name, section[name], required)
        return found

    return expand
