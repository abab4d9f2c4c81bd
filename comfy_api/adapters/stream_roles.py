"""What a class of either generation declares about streams, as the engine's `StreamRoles`. Torch-free."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import Any

from comfy_api.errors import SchemaError
from comfy_execution.node_spec import InputSpec, OutputSpec
from comfy_execution.streaming.contract import STREAM_TYPES, STREAMABLE_TYPES, Park, StreamRoles

_ANY = frozenset({"*", "COMFY_MATCHTYPE_V3"})


def read_roles(
    node_class: Any,
    function: Any,
    inputs: Mapping[str, InputSpec],
    outputs: Sequence[OutputSpec],
    declared: Mapping[str, Any],
) -> StreamRoles | None:
    """The roles of one class, None when it has nothing to do with streams.

    `function` is its ordinary work function; `declared` has frame_wise, grain, stream_inputs, passthrough, shows
    (an output node or one with intermediate output). Raises: SchemaError for a stream output that is a list.
    """
    explicit_inputs = tuple(name for name, entry in inputs.items() if _types(entry.type) & STREAM_TYPES)
    explicit_slots = tuple(i for i, entry in enumerate(outputs) if _types(entry.type) & STREAM_TYPES)
    for slot in explicit_slots:
        if outputs[slot].is_list:
            raise SchemaError(
                "a stream output cannot be a list", node_id=node_class.__name__, field=f"output {slot}"
            )
    speaks = lambda name: speaks_for(node_class, name, function)  # noqa: E731 - three uses, below
    frame_wise = tuple(declared.get("frame_wise") or ()) if speaks("FRAME_WISE") else ()
    opens = speaks("open_stream") and callable(getattr(node_class, "open_stream", None))
    drains = speaks("drain_stream") and callable(getattr(node_class, "drain_stream", None))
    steps = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    passes_any = any(_types(entry.type) & _ANY for entry in outputs)
    if not (explicit_inputs or explicit_slots or frame_wise or opens or drains or steps or passes_any):
        return None
    streamable = tuple(n for n, e in inputs.items() if _types(e.type) & (STREAMABLE_TYPES | STREAM_TYPES))
    return StreamRoles(
        frame_wise=frame_wise,
        grain=declared.get("grain"),
        opens=opens,
        drains=drains,
        steps=steps,
        steps_async=inspect.isasyncgenfunction(node_class.drain_stream if drains else function),
        estimates=callable(getattr(node_class, "stream_estimate", None)),
        shapes=callable(getattr(node_class, "stream_shape", None)),
        stream_inputs=tuple(declared.get("stream_inputs") or streamable) if opens or drains else (),
        explicit_inputs=explicit_inputs,
        explicit_slots=explicit_slots,
        passes_any=passes_any,
        passthrough=declared.get("passthrough"),
        has_output_role=bool(declared.get("shows")),
    )


def speaks_for(node_class: Any, name: str, function: Any) -> bool:
    """Whether what a class says under `name` is about its own work function and inputs, not about an ancestor's.

    Packs subclass nodes and change what they do; a promise that they inherited is not theirs.
    """
    order = inspect.getmro(node_class) if inspect.isclass(node_class) else ()
    places = {
        attribute: place for place, owner in reversed(list(enumerate(order))) for attribute in vars(owner)
    }
    work = (getattr(function, "__name__", ""), "FUNCTION", "INPUT_TYPES", "define_schema")
    return places.get(name, 0) <= min(
        (places[attribute] for attribute in work if attribute in places), default=0
    )


def known_arguments(function: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that a function has parameters for."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(inputs)
    return {name: value for name, value in inputs.items() if name in parameters}


def adapted_generator(made: Any, adapt: Callable[[Any], Any]) -> Any:
    """A sink's generator whose result is adapted: the return value, of an async one what it yields beside steps."""
    return _adapted_async(made, adapt) if inspect.isasyncgen(made) else _adapted(made, adapt)


def _adapted(made: Generator[Any, Any, Any], adapt: Callable[[Any], Any]) -> Generator[Any, Any, Any]:
    return adapt((yield from made))


async def _adapted_async(
    made: AsyncGenerator[Any, Any], adapt: Callable[[Any], Any]
) -> AsyncGenerator[Any, Any]:
    """Steps go through; the result is the first thing yielded that is no step."""
    sent: Any = None
    try:
        while True:
            try:
                item = await made.asend(sent)
            except StopAsyncIteration:
                return
            sent = yield item if item is None or isinstance(item, int | Park) else adapt(item)
    finally:
        await made.aclose()


def _types(kind: Any) -> frozenset[str]:
    return frozenset(part.strip() for part in str(kind).split(",")) if isinstance(kind, str) else frozenset()
