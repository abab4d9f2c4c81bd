"""One prompt on its way: carries out the scheduler's instructions and reports back. The only part that awaits.

Blocking node functions run right here, in the engine's thread; async ones become tasks of its loop and run side by
side. `PromptExecutor` makes a run per prompt and reads `outcome`, `ui` and `report` afterwards.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comfy.interruption import (
    InterruptProcessingException,
    interrupt_current_processing,
    processing_interrupted,
)
from comfy_execution.caching.base import CacheEntry, ResultCache
from comfy_execution.caching.keys import KeyBook
from comfy_execution.errors import InvariantError, NodeNotFoundError
from comfy_execution.expansion import collect_results, join_prompt
from comfy_execution.fingerprints import read_fingerprints
from comfy_execution.graph import Dependency
from comfy_execution.inputs import GatheredInputs, Outputs, dependencies, gather_inputs, hidden_values
from comfy_execution.interrupts import InterruptWatch
from comfy_execution.messages import PromptMessages
from comfy_execution.node_runner import (
    CallPlan,
    ExpansionPart,
    NodeResult,
    blocker_in,
    call_node,
    mapped_inputs,
    merge_results,
)
from comfy_execution.node_spec import NodeSpec
from comfy_execution.objects import NodeObjects
from comfy_execution.progress import ProgressRegistry
from comfy_execution.prompt import DynamicPrompt
from comfy_execution.registry import SpecSnapshot
from comfy_execution.reports import cycle_report, error_report, node_position
from comfy_execution.scheduler import Scheduler
from comfy_execution.states import (
    CollectExpansion,
    EndPrompt,
    InputsRequested,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    OpenNode,
    Outcome,
    PromptInterrupted,
    Wait,
)

CANCEL_GRACE_S = 5.0
"""How long async nodes may take to give up after the prompt ended; then they are left to themselves."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run needs from the executor."""

    prompt_id: str
    prompt: DynamicPrompt
    extra_data: Mapping[str, Any]
    specs: SpecSnapshot
    cache: ResultCache
    objects: NodeObjects
    messages: PromptMessages
    progress: ProgressRegistry


@dataclass(slots=True)
class _Expanding:
    """A node between its call and the results of its graph."""

    parts: list[ExpansionPart]
    ui: dict[str, Any] | None


class PromptRun:
    """Driver of one prompt, and the view of it that the dependency graph asks (`GraphView`)."""

    def __init__(self, context: RunContext, output_ids: Sequence[str]) -> None:
        self._context = context
        self._output_ids = output_ids
        self._specs: dict[str, NodeSpec] = {}
        self._keys = KeyBook()
        self._entries: dict[str, CacheEntry] = {}
        self._expanding: dict[str, _Expanding] = {}
        self._tasks: dict[asyncio.Task[list[Any]], str] = {}
        self._scheduler: Scheduler | None = None
        self._reshown: set[str] = set()
        self.executed: dict[str, None] = {}
        self.ui: dict[str, Mapping[str, Any]] = {}
        self.report: dict[str, Any] = {}

    # ---- GraphView ------------------------------------------------------------------------------------------------

    def dependencies(self, node_id: str) -> list[Dependency]:
        """Links into a node."""
        return dependencies(self._context.prompt.get_node(node_id), self._spec(node_id))

    def is_output(self, node_id: str) -> bool:
        """Its class is an output node."""
        return self._spec(node_id).is_output

    def is_async(self, node_id: str) -> bool:
        """Its work function is a coroutine function."""
        return self._spec(node_id).is_async

    def has_values(self, node_id: str) -> bool:
        """Its result is at hand; what the cache gives is held until nobody needs it any more."""
        if node_id in self._entries:
            return True
        entry = self._cached(node_id)
        if entry is None:
            return False
        self._entries[node_id] = entry
        return True

    # ---- the whole run --------------------------------------------------------------------------------------------

    async def prepare(self) -> list[str]:
        """Makes the cache keys and drops what this prompt does not use; ids of the nodes that are cached."""
        prompt = self._context.prompt.original_prompt
        for node_id, node in prompt.items():
            try:
                self._specs[node_id] = self._context.specs.spec(node["class_type"])
            except Exception:
                # A node that nobody needs may be of a class that cannot describe itself.
                self._keys.add_unkeyed([node_id])
        known = {node_id: node for node_id, node in prompt.items() if node_id in self._specs}
        await self._make_keys(known, b"")
        self._context.cache.begin_prompt(self._keys.known(prompt))
        self._context.objects.begin_prompt(prompt)
        return [node_id for node_id in prompt if self._cached(node_id) is not None]

    async def run(self) -> EndPrompt:
        """Opens nodes until nothing is left to do. Raises nothing that a node raised: see `report`."""
        self._scheduler = scheduler = Scheduler(self, self._output_ids)
        with InterruptWatch() as watch:
            try:
                while True:
                    for node_id in scheduler.take_free():
                        self._entries.pop(node_id, None)
                    instruction = scheduler.next()
                    if isinstance(instruction, OpenNode):
                        if self._tasks:
                            await self._let_tasks_run()
                        await self._open(instruction.node_id, scheduler)
                    elif isinstance(instruction, CollectExpansion):
                        self._collect(instruction.node_id, scheduler)
                    elif isinstance(instruction, Wait):
                        await self._wait(scheduler, watch)
                    elif isinstance(instruction, EndPrompt):
                        return self._ended(instruction)
                    else:
                        raise InvariantError(instruction.node_ids[0], "opened", "a drive without streams")
            finally:
                await self._cancel_tasks()

    def reshow_cached(self, node_ids: Iterable[str]) -> None:
        """`executed` once more for cached nodes whose class shows intermediate results."""
        for node_id in node_ids:
            entry = self._cached(node_id)
            spec = self._specs.get(node_id)
            if entry is None or entry.ui is None or spec is None or node_id in self._reshown:
                continue
            if spec.has_intermediate_output and node_id not in self.executed:
                self._show(node_id, entry.ui)

    # ---- one node -------------------------------------------------------------------------------------------------

    async def _open(self, node_id: str, scheduler: Scheduler) -> None:
        if self.has_values(node_id):
            self._reuse(node_id, scheduler)
            return
        context = self._context
        gathered = GatheredInputs()
        try:
            spec = self._spec(node_id)
            context.progress.start_progress(node_id)
            context.messages.executing(node_id)
            gathered = gather_inputs(node_id, context.prompt.get_node(node_id), spec, self._find)
            plan = self._call_plan(node_id, spec)
            if gathered.missing and spec.behaviour.lazy_check is not None:
                wanted = await _lazy_names(plan, gathered)
                if wanted:
                    scheduler.handle(InputsRequested(node_id, wanted))
                    return
            returned = call_node(plan, gathered.values, lambda text: self._blocked(node_id, spec, text))
            if isinstance(returned, list):
                await self._complete(node_id, merge_results(spec, returned), scheduler)
            else:
                self._tasks[asyncio.get_running_loop().create_task(returned)] = node_id
        except InterruptProcessingException:
            self._interrupted(node_id, scheduler)
        except BaseException as error:
            # Foreign code: whatever it raises ends the prompt, never the engine.
            self._failed(node_id, error, gathered.values, scheduler)

    def _call_plan(self, node_id: str, spec: NodeSpec) -> CallPlan:
        context = self._context
        root_id = context.prompt.get_real_node_id(node_id)
        root_class = context.prompt.get_node(root_id)["class_type"]
        instance = context.objects.get(node_id, spec, root_id, root_class)
        hidden = hidden_values(spec, node_id, context.prompt, context.extra_data) if spec.hidden else {}
        return CallPlan(context.prompt_id, node_id, spec, instance, hidden)

    async def _complete(self, node_id: str, result: NodeResult, scheduler: Scheduler) -> None:
        ui = result.ui or None
        if ui is not None:
            self._show(node_id, ui)
        if result.expansion is None:
            self._finish(node_id, CacheEntry(result.outputs, ui), scheduler)
            return
        expansion = join_prompt(self._context.prompt, node_id, result.expansion)
        self._expanding[node_id] = _Expanding(result.expansion, ui)
        for child_id, child in expansion.nodes.items():
            class_type = child.get("class_type", "")
            if class_type not in self._context.specs:
                raise NodeNotFoundError(child_id, class_type)
            self._specs[child_id] = self._context.specs.spec(class_type)
        key = self._keys[node_id]
        if key is None:
            self._keys.add_unkeyed(expansion.nodes)
        else:
            await self._make_keys(expansion.nodes, key)
            self._context.cache.adopt(key, self._keys.known(expansion.nodes))
        outputs = tuple(child_id for child_id in expansion.nodes if self._specs[child_id].is_output)
        scheduler.handle(NodeExpanded(node_id, expansion.results, outputs))

    def _collect(self, node_id: str, scheduler: Scheduler) -> None:
        expanding = self._expanding.pop(node_id)
        try:
            outputs = collect_results(self._spec(node_id), expanding.parts, self._find)
        except Exception as error:
            # Results are foreign values.
            self._failed(node_id, error, {}, scheduler)
        else:
            self._finish(node_id, CacheEntry(outputs, expanding.ui), scheduler)

    def _finish(self, node_id: str, entry: CacheEntry, scheduler: Scheduler) -> None:
        self._entries[node_id] = entry
        key = self._keys[node_id]
        if key is not None:
            self._context.cache.put(key, entry)
        self.executed[node_id] = None
        self._context.progress.finish_progress(node_id)
        scheduler.handle(NodeFinished(node_id))

    def _reuse(self, node_id: str, scheduler: Scheduler) -> None:
        entry = self._entries[node_id]
        self._reshown.add(node_id)
        if entry.ui is not None:
            self.ui[node_id] = entry.ui
        is_ephemeral = self._context.prompt.get_parent_node_id(node_id) is not None
        if entry.ui is not None or is_ephemeral or self._spec(node_id).is_output:
            self._context.messages.executed(node_id, entry.ui)
        self._context.progress.finish_progress(node_id)
        scheduler.handle(NodeFinished(node_id))

    def _show(self, node_id: str, ui: Mapping[str, Any]) -> None:
        self.ui[node_id] = ui
        self._context.messages.executed(node_id, ui)

    def _blocked(self, node_id: str, spec: NodeSpec, text: str) -> None:
        self._context.messages.blocked(node_id, spec.class_type, text, tuple(self.executed))

    # ---- tasks and ends -------------------------------------------------------------------------------------------

    async def _let_tasks_run(self) -> None:
        """Gives async nodes a turn before the next blocking one."""
        await asyncio.sleep(0)

    async def _wait(self, scheduler: Scheduler, watch: InterruptWatch) -> None:
        if processing_interrupted():
            interrupt_current_processing(False)
            self._interrupted(next(iter(self._tasks.values())), scheduler)
            return
        waited_for: list[asyncio.Future[Any]] = [*self._tasks, watch.future()]
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in self._tasks if task.done()]:
            node_id = self._tasks.pop(task)
            try:
                returned = task.result()
                await self._complete(node_id, merge_results(self._spec(node_id), returned), scheduler)
            except InterruptProcessingException:
                self._interrupted(node_id, scheduler)
                return
            except BaseException as error:
                self._failed(node_id, error, {}, scheduler)
                return

    async def _cancel_tasks(self) -> None:
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        done, _ = await asyncio.wait(list(self._tasks), timeout=CANCEL_GRACE_S)
        for task in done:
            if not task.cancelled():
                task.exception()
        self._tasks.clear()

    def _failed(
        self, node_id: str, error: BaseException, inputs: Mapping[str, Iterable[Any]], scheduler: Scheduler
    ) -> None:
        known = self._context.prompt.original_prompt
        self.report = error_report(self._position(node_id), error, inputs, known)
        scheduler.handle(NodeFailed(node_id))

    def _interrupted(self, node_id: str, scheduler: Scheduler) -> None:
        self.report = self._position(node_id)
        scheduler.handle(PromptInterrupted(node_id))

    def _ended(self, end: EndPrompt) -> EndPrompt:
        if end.outcome is Outcome.CYCLE:
            known = self._context.prompt.original_prompt
            self.report = cycle_report(self._position(end.node_ids[0]), known)
        return end

    def _position(self, node_id: str) -> dict[str, Any]:
        prompt = self._context.prompt
        real_id = prompt.get_real_node_id(node_id)
        return node_position(real_id, prompt.get_node(real_id)["class_type"], tuple(self.executed))

    # ---- look-ups -------------------------------------------------------------------------------------------------

    def _spec(self, node_id: str) -> NodeSpec:
        spec = self._specs.get(node_id)
        if spec is None:
            class_type = self._context.prompt.get_node(node_id).get("class_type", "")
            if class_type not in self._context.specs:
                raise NodeNotFoundError(node_id, class_type)
            spec = self._specs[node_id] = self._context.specs.spec(class_type)
        return spec

    def _cached(self, node_id: str) -> CacheEntry | None:
        key = self._keys[node_id]
        return None if key is None else self._context.cache.get(key)

    def _find(self, node_id: str) -> Outputs | None:
        return self._entries[node_id].outputs if self.has_values(node_id) else None

    async def _make_keys(self, nodes: Mapping[str, dict[str, Any]], scope: bytes) -> None:
        context = self._context
        fingerprints = await read_fingerprints(
            nodes, self._specs, context.prompt_id, context.prompt, context.extra_data
        )
        self._keys.add(nodes, self._specs, fingerprints, scope)


async def _lazy_names(plan: CallPlan, gathered: GatheredInputs) -> tuple[str, ...]:
    """Missing inputs that `check_lazy_status` asks for, over all list-mapped calls."""
    check = plan.spec.behaviour.lazy_check
    if check is None:
        return ()
    wanted: dict[str, None] = {}
    for arguments in mapped_inputs(gathered.with_missing_as_none(), plan.spec.input_is_list):
        if blocker_in(arguments, plan.spec.input_is_list) is not None:
            continue
        names = check(plan.instance, arguments, plan.hidden)
        if inspect.isawaitable(names):
            names = await names
        wanted.update(dict.fromkeys(name for name in names or () if name in gathered.missing))
    return tuple(wanted)
