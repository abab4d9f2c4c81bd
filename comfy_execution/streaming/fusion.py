"""Whether a chain of ordinary nodes is streamed: decided when the inputs of its first node are there, before it runs.

Streamed is what would need more than the budget as batches. Of unknown length counts as over the budget where a media
file or a network stream is read, as under it elsewhere. A batch that turned out larger than the budget is handed on in
slices.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comfy_execution.node_runner import CallPlan
from comfy_execution.node_spec import NodeSpec
from comfy_execution.streaming.contract import StreamRoles, streams_in
from comfy_execution.streaming.planner import ChainPlan, PlanView, frame_slots, is_capable, plan_chains
from comfy_execution.streaming.policy import StreamMode, StreamPolicy

logger = logging.getLogger(__name__)

_BYTES_PER_NUMBER = 4


@dataclass(frozen=True, slots=True)
class Fused:
    """Whether a node was streamed, and why or why not."""

    is_streamed: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"streamed": self.is_streamed, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Frames that come out of a chain's head (None: many), and the bytes of one."""

    frames: int | None
    shape: tuple[int, ...]
    kept_bytes: int = 0


class Fusion:
    """Plans and decisions of one prompt."""

    def __init__(self, view: PlanView, policy: StreamPolicy) -> None:
        self.decisions: dict[str, Fused] = {}
        self._view, self._policy = view, policy
        self._outputs: tuple[str, ...] = ()
        self._plan: ChainPlan | None = None
        self._streamed: set[str] = set()
        self._ordinary: set[str] = set()

    def begin(self, output_ids: Iterable[str]) -> None:
        """The prompt starts; the plan is made when the first capable node opens."""
        self._outputs, self._plan = tuple(output_ids), None

    def expanded(self, output_ids: Iterable[str]) -> None:
        """The graph grew: it is planned anew before anything further is opened."""
        self._outputs, self._plan = (*self._outputs, *output_ids), None

    def streams(self, plan: CallPlan, inputs: Mapping[str, list[Any]]) -> bool:
        """Whether this node is opened as a part of a streamed chain."""
        spec, node_id = plan.spec, plan.node_id
        if not is_capable(spec):
            return False
        if self._policy.mode is StreamMode.NEVER:
            self.decisions[node_id] = Fused(False, "streaming of ordinary nodes is switched off")
            return False
        if self._plan is None:
            self._plan = self._planned()
        chains = self._plan
        if node_id not in chains.chain_of:
            left = chains.left.get(node_id)
            self.decisions[node_id] = Fused(
                False, left.value if left is not None else "it was planned too late"
            )
            return False
        if node_id not in self._streamed:
            self._decide(chains, plan, inputs)
        return node_id in self._streamed

    def _planned(self) -> ChainPlan:
        """The chains; none where the graph cannot be read whole (a node nobody will run may not describe itself)."""
        try:
            return plan_chains(self._view, self._outputs)
        except Exception as error:
            # Foreign classes are read here before their turn.
            logger.warning("no node is streamed by itself: reading the graph raised %r", error)
            return ChainPlan()

    def _decide(self, chains: ChainPlan, plan: CallPlan, inputs: Mapping[str, list[Any]]) -> None:
        below = chains.below(plan.node_id)
        if self._policy.mode is StreamMode.ALWAYS:
            needed, text = math.inf, "streaming is asked for always"
        else:
            needed, text = self._needed_bytes(below, plan, inputs)
        over = needed > self._policy.budget_bytes
        if not over:
            self._ordinary.add(plan.node_id)
            self.decisions[plan.node_id] = Fused(False, text)
            return
        number = chains.chain_of[plan.node_id]
        for node_id, chain in chains.chain_of.items():
            if chain == number and node_id not in self._ordinary:
                self._streamed.add(node_id)
                self.decisions[node_id] = Fused(True, text)

    def _needed_bytes(
        self, below: Sequence[str], plan: CallPlan, inputs: Mapping[str, list[Any]]
    ) -> tuple[float, str]:
        """Bytes of the batches that an ordinary run would keep, and that in words."""
        if any(streams_in(value) for values in inputs.values() for value in values):
            return math.inf, "its input is a stream"
        estimate = self._estimate(plan, inputs)
        if estimate is None:
            return 0, "its number of frames is not known before it runs"
        if estimate.frames is None:
            return math.inf, "its number of frames is known only when the file was read"
        shapes = {plan.node_id: estimate.shape}
        per_frame = 0
        for node_id in below:
            spec = self._view.spec(node_id)
            if not frame_slots(spec):
                continue
            sources = [
                link.source_id for link in self._view.dependencies(node_id) if link.source_id in shapes
            ]
            shape = shapes.get(node_id) or self._shape(spec, shapes[sources[0]], node_id)
            shapes[node_id] = shape
            per_frame += math.prod(shape) * _BYTES_PER_NUMBER
        needed = estimate.kept_bytes + estimate.frames * per_frame
        budget = self._policy.budget_bytes
        return needed, f"its batches would take {needed} bytes, the budget is {budget}"

    def _estimate(self, plan: CallPlan, inputs: Mapping[str, list[Any]]) -> _Estimate | None:
        spec = plan.spec
        roles = spec.streams or StreamRoles()
        if roles.opens:
            if not roles.estimates:
                return None
            known = {name: values[0] for name, values in inputs.items() if values}
            found = self._ask(plan.node_id, lambda: spec.behaviour.stream_estimate(plan.instance, known))
            if found is None:
                return None
            frames, shape = found
            calls = max((len(values) for values in inputs.values()), default=1)
            return _Estimate(None if frames is None else frames * calls, tuple(shape))
        return self._batch_estimate(spec, roles, plan, inputs)

    def _batch_estimate(
        self, spec: NodeSpec, roles: StreamRoles, plan: CallPlan, inputs: Mapping[str, list[Any]]
    ) -> _Estimate | None:
        """From the batches at hand: the longest per-frame input."""
        best: _Estimate | None = None
        for name in roles.frame_wise or roles.stream_inputs:
            kind = spec.inputs[name].type if name in spec.inputs else None
            ops = self._policy.frame_kinds.get(kind) if isinstance(kind, str) else None
            values = inputs.get(name)
            if ops is None or not values:
                continue
            sizes = self._ask(
                plan.node_id, lambda o=ops, v=values: [(o.length(b), o.size_bytes(b)) for b in v]
            )
            if not sizes:
                continue
            frames, size = sum(n for n, _ in sizes), sum(b for _, b in sizes)
            per_frame = size // max(1, frames)
            if best is None or frames > (best.frames or 0):
                best = _Estimate(frames, (per_frame // _BYTES_PER_NUMBER,), size)
        if best is None or not roles.shapes or roles.drains:
            return best
        known = {name: values[0] for name, values in inputs.items() if values}
        frame = self._frame_shape(spec, roles, known)
        shape = self._ask(plan.node_id, lambda: spec.behaviour.stream_shape(plan.instance, frame, known))
        return best if shape is None else _Estimate(best.frames, tuple(shape), best.kept_bytes)

    @staticmethod
    def _frame_shape(spec: NodeSpec, roles: StreamRoles, known: Mapping[str, Any]) -> tuple[int, ...]:
        """Shape of one input frame."""
        value = next((known[name] for name in roles.frame_wise if name in known), None)
        value = value.get("samples") if isinstance(value, dict) else value
        return tuple(getattr(value, "shape", (0,)))[1:]

    def _shape(self, spec: NodeSpec, shape: tuple[int, ...], node_id: str) -> tuple[int, ...]:
        """Shape of a node's frames from the shape of what goes in and its constants."""
        roles = spec.streams or StreamRoles()
        if not roles.shapes:
            return shape
        constants = self._view.constants(node_id)
        found = self._ask(
            node_id, lambda: spec.behaviour.stream_shape(spec.behaviour.make_instance(), shape, constants)
        )
        return shape if found is None else tuple(found)

    @staticmethod
    def _ask(node_id: str, question: Any) -> Any:
        """An author's answer, None when it raises: an estimate must not end a prompt."""
        try:
            return question()
        except Exception as error:
            logger.warning("node %s: its stream estimate raised %r", node_id, error)
            return None
