"""What clients are told about progress: whole maps, held back only where they would be too many."""

from __future__ import annotations

from typing import Any

import pytest
from engine_harness import WAIT_S, RecordingSink

from comfy_execution.progress import ProgressRegistry
from comfy_execution.progress_messages import COALESCE_S, MAX_PLAIN_NODES, ProgressMessages
from comfy_execution.prompt import DynamicPrompt


class Clock:
    """Time that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def sink() -> RecordingSink:
    sink = RecordingSink("c")
    sink.client_id = "c"
    return sink


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(sink: RecordingSink, clock: Clock) -> ProgressRegistry:
    registry = ProgressRegistry("p", DynamicPrompt({}))
    registry.register_handler(ProgressMessages(sink, clock))
    return registry


def handler(registry: ProgressRegistry) -> ProgressMessages:
    found = registry.handlers["messages"]
    assert isinstance(found, ProgressMessages)
    return found


def received(sink: RecordingSink) -> list[dict[str, Any]]:
    messages = []
    while not sink.inbox.empty():
        messages.append(sink.inbox.get())
    return messages


def test_every_change_sends_the_whole_map(registry: ProgressRegistry, sink: RecordingSink) -> None:
    for node_id in ("1", "2"):
        registry.start_progress(node_id)
        registry.finish_progress(node_id)
    maps = [message["data"]["nodes"] for message in received(sink)]
    assert [sorted(nodes) for nodes in maps] == [["1"], ["1"], ["1", "2"], ["1", "2"]]
    assert maps[-1]["1"] == {
        "value": 1.0,
        "max": 1.0,
        "state": "finished",
        "node_id": "1",
        "prompt_id": "p",
        "display_node_id": "1",
        "parent_node_id": None,
        "real_node_id": "1",
    }


def test_a_message_keeps_what_it_was_built_with(registry: ProgressRegistry, sink: RecordingSink) -> None:
    kept: list[Any] = []
    sink.send_sync = lambda event, data, sid=None: kept.append(data)  # type: ignore[method-assign]
    registry.start_progress("1")
    registry.update_progress("1", 1, 2)
    registry.start_progress("2")
    assert [len(data["nodes"]) for data in kept] == [1, 1, 2]
    assert [data["nodes"]["1"]["value"] for data in kept] == [0.0, 1, 1]


def test_many_nodes_send_at_most_one_map_per_interval_and_the_last_one_at_the_end(
    registry: ProgressRegistry, sink: RecordingSink, clock: Clock
) -> None:
    for i in range(1000):
        registry.start_progress(str(i))
        registry.finish_progress(str(i))
        clock.now_s += 0.001
    handler(registry).flush()
    maps = [message["data"]["nodes"] for message in received(sink)]
    plain = 2 * MAX_PLAIN_NODES
    assert plain < len(maps) <= plain + 1.0 / COALESCE_S + 2
    assert {state["state"] for state in maps[-1].values()} == {"finished"}
    assert len(maps[-1]) == 1000


def test_large_maps_are_sent_less_often(
    registry: ProgressRegistry, sink: RecordingSink, clock: Clock
) -> None:
    for i in range(2 * MAX_PLAIN_NODES):
        registry.start_progress(f"{i}.{'0' * 50_000}")  # 250 kB of ids per node
        clock.now_s += COALESCE_S
    handler(registry).flush()
    sizes = [len(message["data"]["nodes"]) for message in received(sink)]
    assert sizes[:MAX_PLAIN_NODES] == list(range(1, MAX_PLAIN_NODES + 1))
    assert len(sizes) < MAX_PLAIN_NODES + 10
    assert sizes[-1] == 2 * MAX_PLAIN_NODES


def test_what_was_held_back_goes_out_by_itself(
    registry: ProgressRegistry, sink: RecordingSink, clock: Clock
) -> None:
    for i in range(MAX_PLAIN_NODES + 1):
        registry.start_progress(str(i))
    before = received(sink)
    assert len(before[-1]["data"]["nodes"]) == MAX_PLAIN_NODES
    assert len(sink.inbox.get(timeout=WAIT_S)["data"]["nodes"]) == MAX_PLAIN_NODES + 1


def test_nothing_is_held_back_twice(registry: ProgressRegistry, sink: RecordingSink) -> None:
    for i in range(MAX_PLAIN_NODES + 5):
        registry.start_progress(str(i))
    handler(registry).flush()
    received(sink)
    handler(registry).flush()
    registry.reset_handlers()
    assert received(sink) == []


def test_a_client_that_comes_back_gets_the_whole_map(registry: ProgressRegistry, sink: RecordingSink) -> None:
    sockets = dict(sink.sockets)
    sink.sockets.clear()
    registry.start_progress("1")
    registry.finish_progress("1")
    sink.sockets.update(sockets)
    registry.start_progress("2")
    [message] = received(sink)
    assert {node_id: state["state"] for node_id, state in message["data"]["nodes"].items()} == {
        "1": "finished",
        "2": "running",
    }


def test_a_preview_goes_with_its_metadata_only_to_a_client_that_takes_it(
    registry: ProgressRegistry, sink: RecordingSink
) -> None:
    registry.update_progress("1", 1, 2, ("JPEG", object(), 64))
    assert [message.get("binary") for message in received(sink)] == [None]
    sink.sockets_metadata["c"]["feature_flags"]["supports_preview_metadata"] = True
    registry.update_progress("1", 1, 2, ("JPEG", object(), 64))
    messages = received(sink)
    assert messages[1]["metadata"] == {
        "node_id": "1",
        "prompt_id": "p",
        "display_node_id": "1",
        "parent_node_id": None,
        "real_node_id": "1",
        "image_type": "image/jpeg",
    }
