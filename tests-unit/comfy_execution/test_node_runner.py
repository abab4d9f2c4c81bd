"""One node: list mapping, blockers, and what authors return."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from comfy_execution.errors import NodeResultError
from comfy_execution.graph_utils import ExecutionBlocker
from comfy_execution.node_runner import (
    CallPlan,
    blocker_in,
    call_node,
    join_outputs,
    mapped_inputs,
    merge_results,
)
from comfy_execution.node_spec import NodeSpec, OutputSpec


class Behaviour:
    """Calls a plain function."""

    lazy_check = fingerprint = validator = None
    validated_inputs: frozenset[str] = frozenset()
    validates_all = validates_types = False

    def __init__(self, function: Any) -> None:
        self.function = function

    def make_instance(self) -> object:
        return self

    def call(self, instance: object, inputs: Any, hidden: Any) -> Any:
        return self.function(**inputs)


def spec(function: Any = None, is_list: tuple[bool, ...] = (False,), input_is_list: bool = False) -> NodeSpec:
    outputs = tuple(OutputSpec("*", f"out{i}", flag) for i, flag in enumerate(is_list))
    return NodeSpec("Made", object, Behaviour(function), {}, outputs, input_is_list=input_is_list)


@pytest.mark.parametrize(
    ("inputs", "calls"),
    [
        ({}, [{}]),
        ({"a": [1]}, [{"a": 1}]),
        ({"a": [1, 2, 3], "b": [7]}, [{"a": 1, "b": 7}, {"a": 2, "b": 7}, {"a": 3, "b": 7}]),
        ({"a": [1, 2], "b": [5, 6, 7]}, [{"a": 1, "b": 5}, {"a": 2, "b": 6}, {"a": 2, "b": 7}]),
        ({"a": []}, [{}]),
    ],
)
def test_calls_follow_the_longest_list_and_repeat_last_items(inputs: Any, calls: Any) -> None:
    assert list(mapped_inputs(inputs, is_list=False)) == calls


def test_an_empty_list_beside_a_value_is_the_peers_index_error() -> None:
    with pytest.raises(IndexError, match="list index out of range"):
        list(mapped_inputs({"a": [], "b": [1]}, is_list=False))


def test_a_list_node_is_called_once_with_whole_lists() -> None:
    assert list(mapped_inputs({"a": [1, 2], "b": []}, is_list=True)) == [{"a": [1, 2], "b": []}]


def test_a_blocker_is_found_as_a_value_and_inside_of_whole_lists() -> None:
    blocker = ExecutionBlocker("x")
    assert blocker_in({"a": 1, "b": blocker}, is_list=False) is blocker
    assert blocker_in({"a": [1, blocker]}, is_list=True) is blocker
    assert blocker_in({"a": [1, blocker]}, is_list=False) is None


def test_blocked_calls_are_skipped_and_their_texts_told() -> None:
    told: list[str] = []
    plan = CallPlan("p", "1", spec(lambda a: (a * 2,)), object(), {})
    inputs = {"a": [1, ExecutionBlocker("no"), 3, ExecutionBlocker(None)]}
    returned = call_node(plan, inputs, told.append)
    assert isinstance(returned, list)
    [values] = merge_results(plan.spec, returned).outputs
    assert told == ["no"]
    assert (values[0], values[2]) == (2, 6)
    assert all(isinstance(values[i], ExecutionBlocker) and values[i].message is None for i in (1, 3))


async def test_async_calls_of_one_node_run_side_by_side_and_keep_their_order() -> None:
    turn = asyncio.Event()

    async def run(a: int) -> tuple[int]:
        if a == 0:
            await turn.wait()
        else:
            turn.set()
        return (a,)

    plan = CallPlan("p", "1", spec(run), object(), {})
    returned = call_node(plan, {"a": [0, 1]}, lambda _: None)
    assert not isinstance(returned, list)
    assert merge_results(plan.spec, await returned).outputs == [[0, 1]]


async def test_one_failing_async_call_cancels_the_others() -> None:
    cancelled = []

    async def run(a: int) -> tuple[int]:
        if a == 1:
            raise ValueError("one")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(a)
            raise
        return (a,)

    returned = call_node(CallPlan("p", "1", spec(run), object(), {}), {"a": [0, 1]}, lambda _: None)
    assert not isinstance(returned, list)
    with pytest.raises(ValueError, match="one"):
        await returned
    assert cancelled == [0]


@pytest.mark.parametrize(
    ("returned", "is_list", "outputs"),
    [
        ([(1, 2)], (False, False), [[1], [2]]),
        ([(1, [2, 3])], (False, True), [[1], [2, 3]]),
        ([(1, [2]), (4, [])], (False, True), [[1, 4], [2]]),
        ([{"result": (1,)}, (2,)], (False,), [[1, 2]]),
        ([{"ui": {"a": [1]}}], (), []),
        ([None], (False, True), [[None], []]),
        ([(1,)], (False, False), [[1], [None]]),
        ([], (False,), [[]]),
    ],
)
def test_results_become_a_list_per_output(returned: Any, is_list: Any, outputs: Any) -> None:
    assert merge_results(spec(is_list=is_list), returned).outputs == outputs


def test_a_bare_blocker_blocks_every_output() -> None:
    blocker = ExecutionBlocker(None)
    for returned in (blocker, {"result": blocker}):
        assert merge_results(spec(is_list=(False, True)), [returned]).outputs == [[blocker], [blocker]]


def test_uis_of_all_calls_are_joined_by_the_keys_of_the_first() -> None:
    merged = merge_results(spec(is_list=()), [{"ui": {"a": [1], "b": (2,)}}, {"ui": {"a": [3], "c": [4]}}])
    assert merged.ui == {"a": [1, 3], "b": [2]}


def test_a_graph_makes_all_calls_parts_of_the_expansion() -> None:
    graph = {"n": {"class_type": "X", "inputs": {}}}
    merged = merge_results(spec(), [{"result": (["n", 0],), "expand": graph}, (5,)])
    assert merged.expansion is not None
    assert [(part.graph, part.results) for part in merged.expansion] == [(graph, (["n", 0],)), (None, (5,))]


def test_what_is_no_result_names_the_class_and_what_came() -> None:
    with pytest.raises(NodeResultError) as caught:
        merge_results(spec(), [5])
    assert (caught.value.class_type, caught.value.found) == ("Made", "int")


def test_no_calls_give_empty_outputs() -> None:
    assert join_outputs(spec(is_list=(False, True)), []) == [[], []]
