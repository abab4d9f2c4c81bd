"""Which ordinary nodes of a prompt form chains that may be streamed. Pure: reads the graph and the declarations only.

A node joins a chain when everything below it takes frames: a sink that can drain, or a frame-wise node or interposer
all of whose used frame outputs go to such nodes. An edge whose fusion would let a late value return into its own
chain is left ordinary, so a plan never makes an error that the ordinary run would not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol

from comfy_execution.graph import Dependency
from comfy_execution.node_spec import NodeSpec
from comfy_execution.streaming.contract import STREAMABLE_TYPES, StreamRoles


class Left(Enum):
    """Why a node that could stream is no part of a chain."""

    OUTSIDE_READER = "an output also goes to a node that takes whole batches"
    NO_READER = "nothing below it takes frames"
    EXTRA_OUTPUT = "an output that is no frames is used"
    RETURNS = "a value it gives at the end leads back into the chain"
    ALONE = "no neighbour of it can stream"
    LISTS = "it takes whole lists, or is async"
    TOO_DEEP = "its chain has more nodes in a row than pulls can be nested"


MAX_DEPTH = 64
"""Nodes in a row that one chain may have: a pull is a nested call through all of them, about eight Python frames each,
and Python allows a thousand."""


class PlanView(Protocol):
    """What the planner asks. Must answer from memory."""

    def dependencies(self, node_id: str) -> Iterable[Dependency]:
        """Links into a node."""

    def spec(self, node_id: str) -> NodeSpec:
        """The spec of a node's class."""

    def has_values(self, node_id: str) -> bool:
        """Its whole result is at hand."""

    def constants(self, node_id: str) -> Mapping[str, Any]:
        """Inputs of a node that are no links."""


class Reader(NamedTuple):
    """One link out of a node."""

    node_id: str
    input_name: str
    slot: int
    is_lazy: bool


@dataclass(slots=True)
class ChainPlan:
    """Chains by node: `chain_of` gives a chain's number, `left` why a capable node is in none."""

    chain_of: dict[str, int] = field(default_factory=dict)
    left: dict[str, Left] = field(default_factory=dict)
    readers: Mapping[str, list[Reader]] = field(default_factory=dict)

    def below(self, node_id: str) -> list[str]:
        """The chain's nodes that this one's frames reach, itself first, sources before readers."""
        number = self.chain_of.get(node_id)
        order: list[str] = []
        seen: set[str] = set()

        stack = [(node_id, False)] if number is not None else []
        while stack:
            at, is_done = stack.pop()
            if is_done:
                order.append(at)
                continue
            if at in seen:
                continue
            seen.add(at)
            stack.append((at, True))
            stack += [
                (reader.node_id, False)
                for reader in self.readers.get(at, ())
                if self.chain_of.get(reader.node_id) == number and reader.node_id not in seen
            ]
        return order[::-1]


def is_capable(spec: NodeSpec) -> bool:
    """Whether a class could be part of a chain."""
    roles = spec.streams
    return roles is not None and bool(roles.frame_wise or roles.opens or roles.drains)


def plan_chains(view: PlanView, output_ids: Iterable[str]) -> ChainPlan:
    """The chains of what these outputs need, from what is not at hand."""
    needed, readers = _needed(view, output_ids)
    capable = {node_id for node_id in needed if is_capable(view.spec(node_id))}
    plan = ChainPlan(readers=readers)
    chain = set(capable)
    for node_id in capable:
        if _takes_lists(view.spec(node_id)):
            chain.discard(node_id)
            plan.left[node_id] = Left.LISTS
    while True:
        _leave_by_readers(view, plan, chain)
        returning = _returning_sink(view, plan, chain)
        if returning is None:
            break
        chain.discard(returning)
        plan.left[returning] = Left.RETURNS
    numbers = _components(view, readers, chain)
    sizes: dict[int, int] = {}
    for number in numbers.values():
        sizes[number] = sizes.get(number, 0) + 1
    deep = _too_deep(view, readers, numbers)
    for node_id, number in numbers.items():
        if number in deep:
            plan.left[node_id] = Left.TOO_DEEP
        elif sizes[number] > 1:
            plan.chain_of[node_id] = number
        else:
            plan.left[node_id] = Left.ALONE
    return plan


def accepts(spec: NodeSpec, input_name: str) -> bool:
    """Whether an input of a capable node takes frames."""
    roles = spec.streams or StreamRoles()
    if roles.drains or roles.opens:
        return input_name in roles.stream_inputs
    return input_name in roles.frame_wise


def frame_slots(spec: NodeSpec) -> frozenset[int]:
    """Outputs that are frames, by their sockets."""
    return frozenset(i for i, output in enumerate(spec.outputs) if _is_streamable(output.type))


def _needed(view: PlanView, output_ids: Iterable[str]) -> tuple[list[str], dict[str, list[Reader]]]:
    """What has to run, as far as is known, and the links out of each of these nodes."""
    readers: dict[str, list[Reader]] = {}
    needed: dict[str, None] = {}
    stack = list(output_ids)
    while stack:
        node_id = stack.pop()
        if node_id in needed or view.has_values(node_id):
            continue
        needed[node_id] = None
        for link in view.dependencies(node_id):
            readers.setdefault(link.source_id, []).append(
                Reader(node_id, link.input_name, link.slot, link.is_lazy)
            )
            stack.append(link.source_id)
    return list(needed), readers


def _leave_by_readers(view: PlanView, plan: ChainPlan, chain: set[str]) -> None:
    """Takes nodes out whose frames go to somebody outside, until nothing changes."""
    work = list(chain)
    while work:
        node_id = work.pop()
        if node_id not in chain:
            continue
        reason = _reason_to_leave(view, plan, chain, node_id)
        if reason is not None:
            chain.discard(node_id)
            plan.left[node_id] = reason
            work += [link.source_id for link in view.dependencies(node_id) if link.source_id in chain]


def _reason_to_leave(view: PlanView, plan: ChainPlan, chain: set[str], node_id: str) -> Left | None:
    spec = view.spec(node_id)
    roles = spec.streams or StreamRoles()
    if roles.drains:
        return None
    slots = frame_slots(spec)
    used = [reader for reader in plan.readers.get(node_id, ()) if reader.slot in slots]
    if not used:
        return Left.NO_READER
    for reader in used:
        is_inside = reader.node_id in chain and not reader.is_lazy
        if not is_inside or not accepts(view.spec(reader.node_id), reader.input_name):
            return Left.OUTSIDE_READER
    if roles.frame_wise and not roles.opens and len(used) < len(plan.readers[node_id]):
        return Left.EXTRA_OUTPUT
    return None


def _returning_sink(view: PlanView, plan: ChainPlan, chain: set[str]) -> str | None:
    """A sink one of whose values leads back to a member of its own chain."""
    numbers = _components(view, plan.readers, chain)
    for node_id in chain:
        roles = view.spec(node_id).streams
        if roles is None or not roles.drains:
            continue
        seen: set[str] = set()
        stack = [reader.node_id for reader in plan.readers.get(node_id, ())]
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            if numbers.get(at) == numbers[node_id]:
                return node_id
            stack += [reader.node_id for reader in plan.readers.get(at, ())]
    return None


def _components(view: PlanView, readers: Mapping[str, list[Reader]], chain: set[str]) -> dict[str, int]:
    """Numbers of the connected parts of a set of nodes."""
    root = {node_id: node_id for node_id in chain}

    def find(node_id: str) -> str:
        while root[node_id] != node_id:
            root[node_id] = root[root[node_id]]
            node_id = root[node_id]
        return node_id

    for node_id in chain:
        slots = frame_slots(view.spec(node_id))
        for reader in readers.get(node_id, ()):
            if reader.slot in slots and reader.node_id in chain and not reader.is_lazy:
                root[find(reader.node_id)] = find(node_id)
    numbers: dict[str, int] = {}
    return {node_id: numbers.setdefault(find(node_id), len(numbers)) for node_id in sorted(chain)}


def _too_deep(
    view: PlanView, readers: Mapping[str, list[Reader]], numbers: Mapping[str, int]
) -> frozenset[int]:
    """Chains with more than MAX_DEPTH nodes in a row."""
    waiting = {
        node_id: len({link.source_id for link in view.dependencies(node_id) if link.source_id in numbers})
        for node_id in numbers
    }
    depth = dict.fromkeys(numbers, 1)
    ready = [node_id for node_id, count in waiting.items() if not count]
    deep: set[int] = set()
    while ready:
        node_id = ready.pop()
        if depth[node_id] > MAX_DEPTH:
            deep.add(numbers[node_id])
        for reader_id in {reader.node_id for reader in readers.get(node_id, ()) if reader.node_id in numbers}:
            depth[reader_id] = max(depth[reader_id], depth[node_id] + 1)
            waiting[reader_id] -= 1
            if not waiting[reader_id]:
                ready.append(reader_id)
    return frozenset(deep)


def _takes_lists(spec: NodeSpec) -> bool:
    roles = spec.streams or StreamRoles()
    return spec.input_is_list or (spec.is_async and not roles.drains and not roles.opens)


def _is_streamable(kind: Any) -> bool:
    return isinstance(kind, str) and any(part.strip() in STREAMABLE_TYPES for part in kind.split(","))
