"""The registry of node states, and handlers of packs."""

from __future__ import annotations

from typing import Any

import pytest
from engine_harness import RecordingSink

from comfy.interruption import InterruptProcessingException, interrupt_current_processing
from comfy_execution.context import CurrentNodeContext
from comfy_execution.progress import (
    NodeState,
    ProgressHandler,
    ProgressHook,
    ProgressRegistry,
    add_progress_handler,
    get_progress_state,
    reset_progress_state,
)
from comfy_execution.prompt import DynamicPrompt


class Notes(ProgressHandler):
    """Keeps what it was told."""

    def __init__(self, name: str = "notes") -> None:
        super().__init__(name)
        self.told: list[Any] = []

    def start_handler(self, node_id: str, state: Any, prompt_id: str) -> None:
        self.told.append(("start", node_id, state["state"], prompt_id))

    def update_handler(
        self, node_id: str, value: float, max_value: float, state: Any, prompt_id: str, image: Any = None
    ) -> None:
        self.told.append(("update", node_id, value, max_value, image))

    def finish_handler(self, node_id: str, state: Any, prompt_id: str) -> None:
        self.told.append(("finish", node_id, state["value"], state["max"]))

    def reset(self) -> None:
        self.told.append("reset")


@pytest.fixture
def registry() -> ProgressRegistry:
    return ProgressRegistry("p", DynamicPrompt({"1": {}}))


def test_a_node_starts_steps_and_finishes_at_its_own_maximum(registry: ProgressRegistry) -> None:
    notes = Notes()
    registry.register_handler(notes)
    registry.start_progress("1")
    registry.update_progress("1", 3, 8, ("PNG", object(), None))
    registry.finish_progress("1")
    assert notes.told[0] == ("start", "1", NodeState.Running, "p")
    assert notes.told[1][:4] == ("update", "1", 3, 8)
    assert notes.told[2] == ("finish", "1", 8, 8)


def test_a_node_that_never_started_finishes_at_one_of_one(registry: ProgressRegistry) -> None:
    registry.finish_progress("1")
    assert registry.nodes["1"] == {"state": NodeState.Finished, "value": 1, "max": 1}


def test_handlers_can_be_silenced_and_removed(registry: ProgressRegistry) -> None:
    notes, other = Notes(), Notes("other")
    registry.register_handler(notes)
    registry.register_handler(other)
    registry.disable_handler("notes")
    registry.start_progress("1")
    registry.enable_handler("notes")
    registry.unregister_handler("other")
    registry.unregister_handler("nobody")
    registry.finish_progress("1")
    registry.reset_handlers()
    assert [told[0] for told in notes.told[:1]] == ["finish"]
    assert [told[0] for told in other.told] == ["start"]
    assert notes.told[-1] == "reset"


def test_a_handler_of_a_pack_joins_the_running_prompt() -> None:
    reset_progress_state("p1", DynamicPrompt({}))
    notes = Notes()
    add_progress_handler(notes)
    get_progress_state().start_progress("1")
    reset_progress_state("p2", DynamicPrompt({}))
    get_progress_state().start_progress("1")
    assert notes.told == [("start", "1", NodeState.Running, "p1"), "reset"]
    assert get_progress_state().prompt_id == "p2"


def test_the_hook_finds_its_node_by_context_and_else_by_what_the_server_says() -> None:
    sink = RecordingSink("c")
    sink.client_id, sink.last_prompt_id, sink.last_node_id = "c", "p", "9"
    reset_progress_state("p", DynamicPrompt({}))
    hook = ProgressHook(sink)
    with CurrentNodeContext("p", "5"):
        hook(1, 2, None)
    hook(1, 2, None)
    hook(2, 2, None, node_id="7")
    messages = [sink.inbox.get() for _ in range(3)]
    assert [message["data"]["node"] for message in messages] == ["5", "9", "7"]
    assert messages[0] == {"type": "progress", "data": {"value": 1, "max": 2, "prompt_id": "p", "node": "5"}}


def test_the_hook_outside_of_any_prompt_does_nothing() -> None:
    sink = RecordingSink("c")
    ProgressHook(sink)(1, 2, None)
    assert sink.inbox.empty()


def test_the_hook_stops_a_prompt_that_was_asked_to_stop() -> None:
    interrupt_current_processing()
    with pytest.raises(InterruptProcessingException):
        ProgressHook(RecordingSink("c"))(1, 2, None)
    ProgressHook(RecordingSink("c"))(1, 2, None)  # the request was taken
