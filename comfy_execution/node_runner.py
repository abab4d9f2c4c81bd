"""One node: from gathered inputs to a result. List mapping, blockers, async calls, and what authors may return.

Knows nothing of order, caches or clients. `call_node` runs the calls; `merge_results` turns what they returned
into output lists, ui and expansion parts.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from comfy.interruption import throw_exception_if_processing_interrupted
from comfy_execution.context import ExecutionContext, executing
from comfy_execution.errors import NodeResultError
from comfy_execution.graph_utils import ExecutionBlocker, GraphBuilder
from comfy_execution.node_spec import NodeSpec

Inputs = Mapping[str, list[Any]]
"""Input name -> the list of values it is mapped over."""
OnBlocked = Callable[[str], None]
"""Told the text of a blocker that keeps a call from running."""

_SILENT = ExecutionBlocker(None)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """All that is needed to call one node."""

    prompt_id: str
    node_id: str
    spec: NodeSpec
    instance: object
    hidden: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExpansionPart:
    """What one call contributed: a graph with its result links, or plain results (graph None)."""

    graph: Mapping[str, Any] | None
    results: Sequence[Any]


@dataclass(slots=True)
class NodeResult:
    """What all calls of one node gave together."""

    outputs: list[list[Any]] = field(default_factory=list)
    ui: dict[str, Any] | None = None
    expansion: list[ExpansionPart] | None = None


def mapped_inputs(inputs: Inputs, is_list: bool) -> Iterator[dict[str, Any]]:
    """The arguments of each call: one call with whole lists, or one per index up to the longest list.

    Shorter lists repeat their last item. No input at all, or only empty lists, is one call without arguments.
    """
    if is_list:
        yield dict(inputs)
        return
    longest = max(map(len, inputs.values()), default=0)
    if longest == 0:
        yield {}
    elif longest == 1:
        yield {name: values[-1] for name, values in inputs.items()}
    else:
        for i in range(longest):
            yield {name: values[i if i < len(values) else -1] for name, values in inputs.items()}


def blocker_in(arguments: Mapping[str, Any], is_list: bool) -> ExecutionBlocker | None:
    """The first blocker among the arguments of one call."""
    for value in arguments.values():
        if isinstance(value, ExecutionBlocker):
            return value
        if is_list:
            for item in value:
                if isinstance(item, ExecutionBlocker):
                    return item
    return None


def call_node(
    plan: CallPlan, inputs: Inputs, on_blocked: OnBlocked
) -> list[Any] | Coroutine[Any, Any, list[Any]]:
    """Calls the node's function for each index; a list of what it returned, or a coroutine that gives that list.

    Raises: whatever the node raises; InterruptProcessingException before a call when the user asked to stop.
    """
    return gathered_calls(
        [
            call_once(plan, i, arguments, on_blocked)
            for i, arguments in enumerate(mapped_inputs(inputs, plan.spec.input_is_list))
        ]
    )


def gathered_calls(returned: list[Any]) -> list[Any] | Coroutine[Any, Any, list[Any]]:
    """What calls returned, or a coroutine that waits for those that are tasks."""
    return _gathered(returned) if any(isinstance(item, asyncio.Task) for item in returned) else returned


def call_once(plan: CallPlan, index: int, arguments: Mapping[str, Any], on_blocked: OnBlocked) -> Any:
    """Calls the node's function for one index: what it returned, a task for an async one, a silent blocker if blocked.

    Raises: as `call_node`.
    """
    spec = plan.spec
    blocker = blocker_in(arguments, spec.input_is_list)
    if blocker is not None:
        if blocker.message is not None:
            on_blocked(blocker.message)
        return _SILENT
    throw_exception_if_processing_interrupted()
    token = executing.set(ExecutionContext(plan.prompt_id, plan.node_id, index))
    try:
        GraphBuilder.set_default_prefix(plan.node_id, index, 0)
        result = spec.behaviour.call(plan.instance, arguments, plan.hidden)
        if _is_awaitable(result):
            return asyncio.get_running_loop().create_task(_awaited(result), context=copy_context())
        return result
    finally:
        executing.reset(token)


def merge_results(spec: NodeSpec, returned: Sequence[Any]) -> NodeResult:
    """Joins what the calls returned.

    Raises: NodeResultError for a value that is no result.
    """
    merged = NodeResult()
    uis: list[Mapping[str, Any]] = []
    parts: list[ExpansionPart] = []
    has_graph = False
    for value in returned:
        if isinstance(value, dict):
            if value.get("ui") is not None:
                uis.append(value["ui"])
            graph = value.get("expand")
            if graph is None and "result" not in value:
                continue
            has_graph = has_graph or graph is not None
            parts.append(ExpansionPart(graph, _as_outputs(spec, value.get("result"))))
        else:
            parts.append(ExpansionPart(None, _as_outputs(spec, value)))
    if has_graph:
        merged.expansion = parts
    else:
        merged.outputs = join_outputs(spec, [part.results for part in parts])
    if uis:
        merged.ui = {
            key: [item for ui in uis for item in ui.get(key, ())] if len(uis) > 1 else list(uis[0][key])
            for key in uis[0]
        }
    return merged


def join_outputs(spec: NodeSpec, results: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Per output the list over all calls; outputs that are lists themselves are strung together."""
    joined: list[list[Any]] = []
    for slot, output in enumerate(spec.outputs):
        values: list[Any] = []
        for result in results:
            value = result[slot] if slot < len(result) else None
            if output.is_list and not isinstance(value, ExecutionBlocker):
                values.extend(value if value is not None else ())
            else:
                values.append(value)
        joined.append(values)
    return joined


def _as_outputs(spec: NodeSpec, result: Any) -> Sequence[Any]:
    """One call's result as a sequence with an item per output; nothing at all means None for each."""
    if isinstance(result, tuple | list):
        return result
    if isinstance(result, ExecutionBlocker):
        return (result,) * len(spec.outputs)
    if result is None or not spec.outputs:
        return (None,) * len(spec.outputs)
    try:
        return [result[i] for i in range(len(spec.outputs))]
    except (TypeError, LookupError) as error:
        raise NodeResultError(
            spec.class_type, f"a tuple of {len(spec.outputs)}", type(result).__name__
        ) from error


def _is_awaitable(result: Any) -> bool:
    kind = type(result)
    return kind is not tuple and kind is not dict and inspect.isawaitable(result)


async def _awaited(result: Awaitable[Any]) -> Any:
    """A task may not let SystemExit or KeyboardInterrupt out: asyncio would stop the engine's loop with them."""
    try:
        return await result
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"the node asked the process to end: {error!r}") from error


async def _gathered(returned: list[Any]) -> list[Any]:
    """Waits for the calls that are tasks; the first error cancels the others."""
    tasks = [item for item in returned if isinstance(item, asyncio.Task)]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return [item.result() if isinstance(item, asyncio.Task) else item for item in returned]
