"""Graphs that the server's own endpoints run: queued, waited for, watched, taken back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from served_app import PlainQueue

from app.engine import Engine
from app.graph_runs import GraphRuns
from app.intake import PromptIntake
from comfy_execution.context import CurrentNodeContext

GRAPH = {"1": {"class_type": "X", "inputs": {}}}


class Host:
    """Runs over a plain queue, with a validation that says what it is told to say."""

    def __init__(self) -> None:
        self.queue = PlainQueue()
        self.verdict: tuple[Any, ...] = (True, None, ["1"], {})
        engine = Engine(
            queue=self.queue,
            validate=self.validate,
            class_types=list,
            node_info=lambda name: {},
            interrupt=lambda: None,
        )
        self.runs = GraphRuns(engine, PromptIntake(), asyncio.get_running_loop())

    async def validate(self, prompt_id: str, prompt: dict[str, Any], targets: Any) -> Any:
        return self.verdict


@pytest.fixture
async def host() -> Host:
    return Host()


PROMPT_ID = "5f0a2c1e-0000-4000-8000-000000000001"


async def test_a_good_graph_is_queued_and_known_while_it_waits(host: Host) -> None:
    assert await host.runs.submit(PROMPT_ID, GRAPH) is None
    assert [item[1] for item in host.queue.pending] == [PROMPT_ID]
    assert host.runs.graph(PROMPT_ID) == GRAPH
    assert host.runs.graph("another") is None


@pytest.mark.parametrize(
    "verdict",
    [(False, {"type": "x"}, [], {"1": {"errors": []}}), (True, None, ["1"], {"2": {"errors": []}})],
    ids=["no output is good", "one output is bad"],
)
async def test_a_graph_with_faults_is_not_queued_and_its_faults_are_told(host: Host, verdict: Any) -> None:
    host.verdict = verdict
    refused = await host.runs.submit(PROMPT_ID, GRAPH)
    assert refused is not None
    assert refused["node_errors"] == verdict[3]
    assert host.queue.pending == []


async def test_waiting_ends_with_the_history_entry_which_also_holds_the_graph(host: Host) -> None:
    await host.runs.submit(PROMPT_ID, GRAPH)
    waiting = asyncio.create_task(host.runs.outcome(PROMPT_ID))
    await asyncio.sleep(0)
    entry = {"prompt": host.queue.pending.pop(), "outputs": {}, "status": {}}
    host.queue.history[PROMPT_ID] = entry
    host.runs.queue_changed()
    async with asyncio.timeout(5):
        assert await waiting == entry
    assert host.runs.graph(PROMPT_ID) == GRAPH


async def test_a_prompt_taken_out_of_the_queue_has_no_entry(host: Host) -> None:
    await host.runs.submit(PROMPT_ID, GRAPH)
    waiting = asyncio.create_task(host.runs.outcome(PROMPT_ID))
    await asyncio.sleep(0)
    host.runs.cancel(PROMPT_ID)
    host.runs.queue_changed()
    async with asyncio.timeout(5):
        assert await waiting is None


async def test_steps_reach_who_watches_that_prompt_from_any_thread(host: Host) -> None:
    told: list[Any] = []
    got: list[Any] = []
    hook = host.runs.observing(lambda *step: got.append(step))
    with host.runs.watch(PROMPT_ID, told.append):
        await asyncio.to_thread(hook, 1, 4, None, PROMPT_ID, "7")
        with CurrentNodeContext(PROMPT_ID, "8"):
            hook(2, 4, None)
        hook(3, 4, None, "another", "7")
        await asyncio.sleep(0)
    hook(4, 4, None, PROMPT_ID, "7")
    await asyncio.sleep(0)
    assert told == [{"node": "7", "value": 1, "max": 4}, {"node": "8", "value": 2, "max": 4}]
    assert [step[0] for step in got] == [1, 2, 3, 4]


async def test_the_hook_may_stop_the_run_and_nobody_is_told(host: Host) -> None:
    def interrupt(*_: Any) -> None:
        raise InterruptedError

    told: list[Any] = []
    with host.runs.watch(PROMPT_ID, told.append), pytest.raises(InterruptedError):
        host.runs.observing(interrupt)(1, 4, None, PROMPT_ID, "7")
    await asyncio.sleep(0)
    assert told == []
