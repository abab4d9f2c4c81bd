"""Drives one region to its end and closes it, however it ends.

All pulls go through `Drive.pull` and `Drive.call`: there the interrupt is noticed, the first failure is recorded with
its node (and raised again by every later pull, so that nobody can swallow it), and the node's context is set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from comfy.interruption import throw_exception_if_processing_interrupted
from comfy_execution.context import executing
from comfy_execution.interrupts import InterruptWatch
from comfy_execution.streaming.baton import BatonSink
from comfy_execution.streaming.errors import StreamAborted, StreamContractError, StreamUseError
from comfy_execution.streaming.member import Member
from comfy_execution.streaming.model_stages import cut_between_models
from comfy_execution.streaming.policy import StreamPolicy, TeeBudget
from comfy_execution.streaming.region_state import Lag, Turn
from comfy_execution.streaming.sinks import GeneratorSink, drained
from comfy_execution.streaming.stepper import Failure, Stepper, sinks_behind
from comfy_execution.streaming.tee import Branch, Lane

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 0.1
"""Ten updates a second and node are what an eye can follow."""
_BYTES_PER_PIXEL = 12
"""Three channels of float32."""


class DriveEvents(Protocol):
    """Who is told what happens in a region."""

    def sink_returned(self, member: Member, value: Any) -> None:
        """A sink is done; its result is in the V1 form."""

    def progressed(self, members: Sequence[Member]) -> None:
        """Time to show how far the members are."""

    async def between_steps(self) -> bool:
        """Lets async nodes elsewhere in the prompt go on; False when the prompt is to end."""


class Drive:
    """One region: members connected by streams, sources first."""

    def __init__(
        self,
        members: Sequence[Member],
        policy: StreamPolicy,
        budget: TeeBudget,
        events: DriveEvents,
        watch: InterruptWatch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.members = list(members)
        self.failure: Failure | None = None
        self.chunk_frames = 1
        self._policy, self._budget, self._events, self._clock = policy, budget, events, clock
        self._thread = threading.get_ident()
        self._stepper = Stepper(self, policy.modes, watch, clock)
        self._numbers = {
            member: self._stepper.add(member, member.sink)
            for member in self.members
            if member.sink is not None
        }
        self._tees = [tee for member in self.members for tee in member.tees]
        self._savers = [member for member in self.members if member.shows and member.tees]
        self._behind = sinks_behind(self.members, self._numbers)
        self._next_progress = 0.0
        for member in self.members:
            for tee in member.tees:
                tee.drive = self
        for member in reversed(self.members):
            member.branch_released()

    # ---- pulls ----------------------------------------------------------------------------------------------------

    def pull(self, branch: Branch, max_frames: int) -> Any:
        """A member pulls. In the thread of a plain function it waits there while the engine does it."""
        thread_id = threading.get_ident()
        if thread_id == self._thread:
            self.check()
            return branch.read(max_frames)
        sink = branch.member.sink
        if isinstance(sink, BatonSink) and sink.thread_id == thread_id:
            return sink.request(branch, max_frames)
        error = StreamUseError(
            branch.member.node_id,
            "pulled its stream in a thread of its own; only the thread that called the node may pull",
        )
        self.fail_as(branch.member.node_id, error)
        raise error

    def check(self) -> None:
        """Raises the region's failure; InterruptProcessingException when the user asked to stop."""
        if self.failure is not None:
            raise self.failure.error
        try:
            throw_exception_if_processing_interrupted()
        except Exception as error:
            self.fail_as(self.members[0].node_id, error)
            raise

    def call(self, member: Member, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a hook of a member's stream in that node's context, with the thread modes of the engine."""
        modes = self._policy.modes
        before = modes.capture()
        modes.apply(self._stepper.baseline)
        token = executing.set(member.context)
        try:
            return function(*arguments)
        except StopIteration as error:
            stream = type(member.tees[0].lanes[0].stream).__name__
            wrong = StreamContractError(stream, "it raised StopIteration; a stream ends with a short chunk")
            self.fail_as(member.node_id, wrong)
            raise wrong from error
        except BaseException as error:
            self.fail_as(member.node_id, error)
            raise
        finally:
            executing.reset(token)
            modes.apply(before)

    def fail_as(self, node_id: str, error: BaseException) -> None:
        """Records the region's first failure; later ones are its consequences."""
        if self.failure is None:
            self.failure = Failure(node_id, error)

    # ---- the drive ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Steps all sinks to their end, then closes everything. Raises nothing: see `failure`."""
        try:
            self._choose_chunk()
            if self.failure is None:
                cut_between_models(self.members, self._policy.hold_models)
            await self._step_all()
        finally:
            await self._close()

    def returned(self, member: Member, value: Any, *, is_drain: bool) -> None:
        """A sink is done: what it read need not be kept for it; a node's own is reported at once."""
        for branch in member.inputs:
            branch.release()
        if not is_drain and self.failure is None:
            self._events.sink_returned(member, value)

    def _choose_chunk(self) -> None:
        """Frames that move at a time: what the member with the largest frames allows, at most what the sinks ask."""
        touched: list[int | None] = []
        for member in self.members:
            try:
                touched.append(self.call(member, touched_bytes, member))
            except BaseException:
                # It is recorded: an author's get_dimensions raised.
                return
        if None in touched:
            return
        frames = self._policy.chunk_for(max((size for size in touched if size), default=0))
        asked = [member.asks for member in self.members if member.sink is not None and member.asks]
        limited = asked and self._policy.chunk_frames is None
        self.chunk_frames = max(1, min(frames, max(asked))) if limited else frames

    async def _step_all(self) -> None:
        stepper = self._stepper
        while self.failure is None:
            if self._savers:
                self._drive_savers()
            try:
                self.check()
            except BaseException:
                # It is recorded.
                return
            turn = stepper.state.choose(self._lags(), is_full=self._budget.is_full)
            if turn is Turn.DONE:
                break
            if turn is Turn.WAIT:
                await stepper.wait()
            else:
                assert isinstance(turn, int)
                await stepper.step(turn)
            self.show_progress()
            if not await self._events.between_steps():
                self.fail_as(self.members[0].node_id, StreamAborted("another node of the prompt ended it"))
        if self.failure is None and stepper.all_lost():
            member, error = stepper.lost[0]
            self.fail_as(member.node_id, error)
        for member, _ in stepper.lost:
            self.returned(member, (), is_drain=False)

    def show_progress(self) -> None:
        """Shows how far the members are, now and then."""
        now = self._clock()
        if now >= self._next_progress:
            self._next_progress = now + PROGRESS_INTERVAL_S
            self._events.progressed(self.members)

    def _lags(self) -> list[Lag]:
        """Tees whose readers are apart, with the sinks behind the last reader."""
        lags = []
        for tee in self._tees:
            live = tee.live
            if len(live) < 2 or not any(lane.blocks for lane in tee.lanes):
                continue
            last = min(branch.cursor for branch in live)
            sinks = {i for b in live if b.cursor == last for i in self._behind.get(b.member, ())}
            lags.append(Lag(sum(lane.held_cost for lane in tee.lanes), sorted(sinks)))
        return lags

    def _drive_savers(self) -> None:
        """A node that saves or shows and whose frames nobody wants any more is driven to the end of its input."""
        for member in tuple(self._savers):
            lanes = [lane for tee in member.tees for lane in tee.lanes]
            if all(lane.has_ended for lane in lanes):
                self._savers.remove(member)
            elif not any(lane.live for lane in lanes):
                self._savers.remove(member)
                self._add_drain(member, lanes[0])

    def _add_drain(self, member: Member, lane: Lane) -> None:
        reader = Member(*member.context[:2], member.index, member.class_type, member.order)
        branch = Branch(lane, reader)
        branch.cursor = lane.head
        reader.inputs.append(branch)
        reader.sink = GeneratorSink(lambda: drained(branch))
        self._numbers[reader] = self._stepper.add(reader, reader.sink, is_drain=True)
        self._behind = sinks_behind([*self.members, *self._numbers], self._numbers)

    async def _close(self) -> None:
        """Unfinished sinks are told, what was saved gets its name, then streams are closed, consumers first."""
        self._events.progressed(self.members)
        if self.failure is not None:
            reason = str(self.failure.error) or type(self.failure.error).__name__
            await self._stepper.abort(reason, self._policy.abandon_grace_s)
        for tee in self._tees:
            if self.failure is None and tee.has_ended:
                self._quietly(tee.member, self._finish, tee)
        aborted = self.failure is not None
        for tee in reversed(self._tees):
            self._quietly(tee.member, tee.close, aborted)

    def _finish(self, tee: Any) -> None:
        ui = tee.producer.finish()
        if ui:
            tee.member.ui.append(ui)

    def _quietly(self, member: Member, function: Callable[..., Any], *arguments: Any) -> None:
        """As `call`; what it raises is recorded and never keeps the others from being closed."""
        had_failed = self.failure is not None
        try:
            self.call(member, function, *arguments)
        except BaseException as error:
            if had_failed:
                logger.warning("node %s raised while its stream was closed: %r", member.name, error)


def touched_bytes(member: Member) -> int | None:
    """Bytes that one frame takes at a member, in and out; None for a live source, whose frames come one by one."""
    outputs = [lane.stream for tee in member.tees for lane in tee.lanes]
    if any(getattr(stream, "is_live", False) for stream in outputs):
        return None
    touched = sum(int(getattr(stream, "work_bytes_per_frame", 0)) for stream in outputs)
    for stream in outputs + [branch.source for branch in member.inputs]:
        width, height = stream.get_dimensions() or (0, 0)
        touched += width * height * _BYTES_PER_PIXEL
    return touched
