"""One prompt on its way: carries out the scheduler's instructions and reports back. The only part that awaits.

Blocking node functions run right here, in the engine's thread; async ones become tasks of its loop and run side by
side. `PromptExecutor` makes a run per prompt and reads `executed`, `ui` and `report` afterwards.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comfy.interruption import (
    InterruptProcessingException,
    interrupt_current_processing,
    processing_interrupted,
)
from comfy_execution.caching.base import CacheEntry
from comfy_execution.errors import NodeResultError
from comfy_execution.expansion import collect_results, join_prompt
from comfy_execution.inputs import GatheredInputs
from comfy_execution.interrupts import InterruptWatch
from comfy_execution.lists import ChainError, ChainNode, ChainView, ListChain, can_chain, list_length
from comfy_execution.node_runner import (
    CallPlan,
    ExpansionPart,
    NodeResult,
    OnBlocked,
    blocker_in,
    call_node,
    call_once,
    gathered_calls,
    mapped_inputs,
    merge_results,
)
from comfy_execution.reports import cycle_report, error_report, node_position
from comfy_execution.run_state import RunContext, RunState
from comfy_execution.scheduler import Scheduler
from comfy_execution.states import (
    CollectExpansion,
    DriveRegion,
    EndPrompt,
    InputsRequested,
    NodeExpanded,
    NodeFailed,
    NodeFinished,
    NodeOpened,
    OpenNode,
    Outcome,
    PromptInterrupted,
    RegionFinished,
    Wait,
)
from comfy_execution.streaming.errors import StreamCycleError
from comfy_execution.streaming.fusion import Fusion
from comfy_execution.streaming.policy import StreamPolicy
from comfy_execution.streaming.session import StreamSession, holds_streams

CANCEL_GRACE_S = 5.0
"""How long async nodes may take to give up after the prompt ended; then they are left to themselves."""


@dataclass(slots=True)
class _Expanding:
    """A node between its call and the results of its graph."""

    parts: list[ExpansionPart]
    ui: dict[str, Any] | None


class PromptRun:
    """Driver of one prompt.

    `executed`: nodes that ran, in order. `ui`: what was shown, by node. `report`: body of the closing message when the
    prompt did not succeed.
    """

    def __init__(self, context: RunContext, state: RunState, policy: StreamPolicy | None = None) -> None:
        self._context = context
        self._state = state
        self._scheduler: Scheduler | None = None
        self.streams = StreamSession(context.prompt_id, policy or StreamPolicy(), self)
        self.fusion = Fusion(state, self.streams.policy)
        state.opened = self.streams.outputs
        self._expanding: dict[str, _Expanding] = {}
        self._tasks: dict[asyncio.Task[list[Any]], str] = {}
        self._chained: dict[str, list[Any]] = {}
        """Calls that were made already, item by item with the node's sources."""
        self._dropped: dict[str, frozenset[int]] = {}
        self._reshown: set[str] = set()
        self.executed: dict[str, None] = {}
        self.ui: dict[str, Mapping[str, Any]] = {}
        self.report: dict[str, Any] = {}

    async def run(self, output_ids: Sequence[str]) -> EndPrompt:
        """Opens nodes until nothing is left to do. Raises nothing that a node raised: see `report`."""
        self._scheduler = scheduler = Scheduler(self._state, output_ids)
        self.fusion.begin(output_ids)
        with InterruptWatch() as watch:
            try:
                while True:
                    self._state.let_go(scheduler.take_free())
                    instruction = scheduler.next()
                    if isinstance(instruction, OpenNode):
                        if self._tasks:
                            await asyncio.sleep(0)  # async nodes get a turn before the next blocking one
                        await self._open(instruction.node_id, scheduler)
                    elif isinstance(instruction, CollectExpansion):
                        self._collect(instruction.node_id, scheduler)
                    elif isinstance(instruction, Wait):
                        await self._wait(scheduler, watch)
                    elif isinstance(instruction, EndPrompt):
                        return self._ended(instruction)
                    else:
                        await self._drive(instruction, scheduler, watch)
            finally:
                await self._cancel_tasks()
                self.streams.close()

    def reshow_cached(self, node_ids: Iterable[str]) -> None:
        """`executed` once more for cached nodes whose class shows intermediate results."""
        for node_id in node_ids:
            spec = self._state.known_spec(node_id)
            if spec is None or not spec.has_intermediate_output:
                continue
            entry = self._state.cached(node_id)
            if (
                entry is not None
                and entry.ui is not None
                and node_id not in self._reshown | self.executed.keys()
            ):
                self._show(node_id, entry.ui)

    # ---- one node -------------------------------------------------------------------------------------------------

    async def _open(self, node_id: str, scheduler: Scheduler) -> None:
        if self._state.has_values(node_id):
            self._reuse(node_id, scheduler)
            return
        gathered = GatheredInputs()
        try:
            spec = self._state.spec(node_id)
            if (
                spec.streams is not None
                and spec.streams.passthrough is not None
                and self._open_wire(node_id, scheduler)
            ):
                return
            if node_id not in self._chained:
                self._start(node_id)
            gathered = self._state.inputs(node_id)
            plan = self._state.call_plan(node_id)
            if gathered.missing and spec.behaviour.lazy_check is not None:
                wanted = await _lazy_names(plan, gathered)
                if wanted:
                    scheduler.handle(InputsRequested(node_id, wanted))
                    return
            opening = None
            if spec.streams is not None or self.streams.is_active:
                is_fused = spec.streams is not None and self.fusion.streams(plan, gathered.values)
                opening = self.streams.opening(plan, gathered.values, is_fused=is_fused)
            if opening is not None:
                returned = call_node(opening.plan, gathered.values, self._on_blocked(plan))
            else:
                returned = self._calls(plan, gathered, scheduler)
            if isinstance(returned, list):
                await self._take(node_id, returned, scheduler)
            else:
                self._tasks[asyncio.get_running_loop().create_task(returned)] = node_id
        except InterruptProcessingException:
            self._interrupted(node_id, scheduler)
        except ChainError as failed:
            self._failed(node_id, failed.error, failed.inputs, scheduler, at=failed.node_id)
        except BaseException as error:
            # Foreign code: whatever it raises ends the prompt, never the engine.
            self._failed(node_id, error, gathered.values, scheduler)

    def _start(self, node_id: str) -> None:
        """Tells that a node runs from now on."""
        self._context.progress.start_progress(node_id)
        self._context.messages.executing(node_id)

    def _calls(
        self, plan: CallPlan, gathered: GatheredInputs, scheduler: Scheduler
    ) -> list[Any] | Coroutine[Any, Any, list[Any]]:
        """Makes a node's calls: in one go, or those that a depth-first chain has not made, or as its head."""
        begun = self._chained.pop(plan.node_id, None) if self._chained else None
        if begun is not None:
            mapped = enumerate(mapped_inputs(gathered.values, plan.spec.input_is_list))
            rest = [call_once(plan, i, args, self._on_blocked(plan)) for i, args in mapped if i >= len(begun)]
            return gathered_calls([*begun, *rest])
        num_items = list_length(gathered.values)
        if num_items < 2 or not can_chain(plan.spec):
            return call_node(plan, gathered.values, self._on_blocked(plan))
        node_id = plan.node_id
        head = ChainNode(plan, scheduler.graph[node_id], self._context.prompt.get_node(node_id))
        chain = ListChain(head, num_items, self._chain_view(), self.streams.policy)
        returned = chain.run(gathered.values)
        for member in [*chain.nodes.values(), *chain.left.values()]:
            self._dropped[member.node_id] = member.droppable
            if member is not head and member.returned:
                self._chained[member.node_id] = member.returned
        return gathered_calls(returned)

    def _chain_view(self) -> ChainView:
        state, prompt = self._state, self._context.prompt
        return ChainView(state.outputs, prompt.get_node, state.call_plan, self._start, self._on_blocked)

    def _on_blocked(self, plan: CallPlan) -> OnBlocked:
        return lambda text: self._blocked(plan, text)

    async def _take(self, node_id: str, returned: list[Any], scheduler: Scheduler) -> None:
        """What the node's calls returned: results, or sinks that have to be driven first."""
        spec = self._state.spec(node_id)
        if self.streams.sinks_opened(node_id, returned):
            scheduler.handle(NodeOpened(node_id, frozenset(range(len(spec.outputs))), frozenset()))
        else:
            await self._complete(node_id, merge_results(spec, returned), scheduler)

    async def _complete(self, node_id: str, result: NodeResult, scheduler: Scheduler) -> None:
        ui = result.ui or None
        if result.expansion is None and holds_streams(result.outputs):
            opened = self.streams.streams_opened(
                node_id, self._state.spec(node_id).class_type, result.outputs, ui
            )
            if opened is not None:
                scheduler.handle(NodeOpened(node_id, stream_slots=opened.stream_slots))
                return
        if ui is not None:
            self._show(node_id, ui)
        if result.expansion is None:
            dropped = self._dropped.pop(node_id, None) if self._dropped else None
            if dropped:
                outputs = [[] if i in dropped else values for i, values in enumerate(result.outputs)]
                self._finish(node_id, CacheEntry(outputs, ui, dropped), scheduler)
            else:
                self._finish(node_id, CacheEntry(result.outputs, ui), scheduler)
            return
        self.streams.expanded(node_id)
        expansion = join_prompt(self._context.prompt, node_id, result.expansion)
        self._expanding[node_id] = _Expanding(result.expansion, ui)
        output_ids = await self._state.add_expansion(node_id, expansion.nodes)
        self.fusion.expanded(output_ids)
        scheduler.handle(NodeExpanded(node_id, expansion.results, output_ids))

    def _collect(self, node_id: str, scheduler: Scheduler) -> None:
        expanding = self._expanding.pop(node_id)
        try:
            spec = self._state.spec(node_id)
            outputs = collect_results(spec, expanding.parts, self._state.outputs)
        except Exception as error:
            # Results are foreign values.
            self._failed(node_id, error, {}, scheduler)
        else:
            opened = self.streams.streams_opened(node_id, spec.class_type, outputs, expanding.ui)
            if opened is not None:
                opened.has_shown = True
                scheduler.handle(NodeOpened(node_id, stream_slots=opened.stream_slots))
            else:
                self._finish(node_id, CacheEntry(outputs, expanding.ui), scheduler)

    def _finish(self, node_id: str, entry: CacheEntry, scheduler: Scheduler) -> None:
        self._state.keep(node_id, entry)
        self.executed[node_id] = None
        self._context.progress.finish_progress(node_id)
        scheduler.handle(NodeFinished(node_id))

    def _reuse(self, node_id: str, scheduler: Scheduler) -> None:
        ui = self._state.result(node_id).ui
        self._reshown.add(node_id)
        is_ephemeral = self._context.prompt.get_parent_node_id(node_id) is not None
        if ui is not None:
            self._show(node_id, ui)
        elif is_ephemeral or self._state.spec(node_id).is_output:
            self._context.messages.executed(node_id, None)
        self._context.progress.finish_progress(node_id)
        scheduler.handle(NodeFinished(node_id))

    def _show(self, node_id: str, ui: Mapping[str, Any]) -> None:
        self.ui[node_id] = ui
        self._context.messages.executed(node_id, ui)

    def _blocked(self, plan: CallPlan, text: str) -> None:
        self._context.messages.blocked(plan.node_id, plan.spec.class_type, text, tuple(self.executed))

    # ---- tasks and ends -------------------------------------------------------------------------------------------

    async def _wait(self, scheduler: Scheduler, watch: InterruptWatch) -> None:
        if processing_interrupted():
            interrupt_current_processing(False)
            self._interrupted(next(iter(self._tasks.values())), scheduler)
            return
        waited_for: list[asyncio.Future[Any]] = [*self._tasks, watch.future()]
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        await self._take_done(scheduler)

    async def _take_done(self, scheduler: Scheduler) -> None:
        """Takes the results of async nodes that came to their end."""
        for task in [task for task in self._tasks if task.done()]:
            node_id = self._tasks.pop(task)
            try:
                await self._take(node_id, task.result(), scheduler)
            except InterruptProcessingException:
                self._interrupted(node_id, scheduler)
                return
            except BaseException as error:
                # As in `_open`; ComfyUI gives no inputs for async nodes (trace 41).
                self._failed(node_id, error, {}, scheduler)
                return

    # ---- streams --------------------------------------------------------------------------------------------------

    def _open_wire(self, node_id: str, scheduler: Scheduler) -> bool:
        """An interposer whose key is unchanged, and whose frames go through unchanged, is not called again."""
        roles, entry = self._state.spec(node_id).streams, self._state.cached(node_id)
        if entry is None or roles is None or roles.passthrough is None:
            return False
        frames = self._state.inputs(node_id).values.get(roles.passthrough)
        if frames is None:
            return False
        outputs = [frames if i in entry.absent else values for i, values in enumerate(entry.outputs)]
        opened = self.streams.wire_opened(node_id, outputs, entry.ui)
        self._reshown.add(node_id)
        if entry.ui is not None or self._state.spec(node_id).is_output:
            self._context.messages.executed(node_id, entry.ui)
        if entry.ui is not None:
            self.ui[node_id] = entry.ui
        scheduler.handle(NodeOpened(node_id, stream_slots=opened.stream_slots))
        return True

    async def _drive(self, instruction: DriveRegion, scheduler: Scheduler, watch: InterruptWatch) -> None:
        failure = await self.streams.drive(instruction.node_ids, watch)
        if self.report:
            return  # an async node beside the region has ended the prompt
        if failure is None:
            rest = [node_id for node_id in instruction.node_ids if self._close_streamed(node_id)]
            scheduler.handle(RegionFinished(tuple(rest)))
        elif isinstance(failure.error, InterruptProcessingException):
            self._interrupted(failure.node_id, scheduler)
        else:
            self._failed(failure.node_id, failure.error, {}, scheduler)

    def _close_streamed(self, node_id: str) -> bool:
        """Reports a member of a driven region; False for a sink that was reported when it returned."""
        node = self.streams.take_finished(node_id)
        if node is None:
            return False
        if not node.is_wire:
            if node.ui and not node.has_shown:
                self._show(node_id, node.ui)
            outputs = [[] if i in node.stream_slots else values for i, values in enumerate(node.outputs)]
            self._state.keep(node_id, CacheEntry(outputs, node.ui, node.stream_slots))
            self.executed[node_id] = None
        self._context.progress.finish_progress(node_id)
        return True

    def sink_finished(self, node_id: str, rows: Sequence[Any]) -> None:
        """A sink has returned: it is finished, whatever becomes of its region."""
        assert self._scheduler is not None
        spec = self._state.spec(node_id)
        result = merge_results(spec, rows)
        if result.expansion is not None:
            raise NodeResultError(spec.class_type, "values, being a sink", "a graph")
        ui = result.ui or None
        if ui is not None:
            self._show(node_id, ui)
        self._finish(node_id, CacheEntry(result.outputs, ui), self._scheduler)

    def frames_moved(self, node_id: str, value: int, total: int) -> None:
        """A member made or took frames."""
        self._context.progress.update_progress(node_id, value, total)

    async def between_steps(self) -> bool:
        """Async nodes elsewhere in the prompt go on while a region is driven; False when one of them ended it."""
        if self._tasks and self._scheduler is not None:
            await asyncio.sleep(0)
            await self._take_done(self._scheduler)
        return not self.report

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
        self,
        node_id: str,
        error: BaseException,
        inputs: Mapping[str, Iterable[Any]],
        scheduler: Scheduler,
        *,
        at: str | None = None,
    ) -> None:
        """The prompt ends with an error of the node `at`, which is `node_id` unless it ran ahead of its turn."""
        known = self._context.prompt.original_prompt
        self.report = error_report(self._position(at or node_id), error, inputs, known)
        scheduler.handle(NodeFailed(node_id))

    def _interrupted(self, node_id: str, scheduler: Scheduler) -> None:
        self.report = self._position(node_id)
        scheduler.handle(PromptInterrupted(node_id))

    def _ended(self, end: EndPrompt) -> EndPrompt:
        if end.outcome is Outcome.CYCLE and any(self.streams.outputs(i) is not None for i in end.node_ids):
            names = [f"{i} ({self._state.spec(i).class_type})" for i in end.node_ids]
            error = StreamCycleError(end.node_ids, names)
            known = self._context.prompt.original_prompt
            self.report = error_report(self._position(end.node_ids[0]), error, {}, known)
            return EndPrompt(Outcome.ERROR, end.node_ids)
        if end.outcome is Outcome.CYCLE:
            known = self._context.prompt.original_prompt
            self.report = cycle_report(self._position(end.node_ids[0]), known)
        return end

    def _position(self, node_id: str) -> dict[str, Any]:
        prompt = self._context.prompt
        real_id = prompt.get_real_node_id(node_id)
        return node_position(real_id, prompt.get_node(real_id)["class_type"], tuple(self.executed))


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
