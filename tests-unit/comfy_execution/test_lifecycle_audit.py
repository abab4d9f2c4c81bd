"""The lifecycle checker of the streaming tests, held against the recorded conversations: it accepts what the peer says,
and notices what would break a client.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from engine_harness import TRACES
from stream_bench import check_lifecycle

NO_CLIENT = {"54_no_client_id"}
"""Without a client nobody is told `executing`, while progress goes to all."""
LAZY = {"09_lazy": {"3"}}
"""Nodes that are taken up again after they asked for inputs."""
NAMES = [
    path.stem for path in sorted(TRACES.glob("[0-9]*.json")) if path.stem not in NO_CLIENT
]  # cases.json has no number


def by_prompt(name: str) -> dict[str, list[dict[str, Any]]]:
    """The recorded messages of each prompt."""
    found: dict[str, list[dict[str, Any]]] = {}
    for message in json.loads((TRACES / f"{name}.json").read_text(encoding="utf-8"))["ws"]:
        prompt_id = message.get("data", {}).get("prompt_id")
        if prompt_id is not None:
            found.setdefault(prompt_id, []).append(message)
    return found


def succeeded(messages: list[dict[str, Any]]) -> bool:
    return any(message["type"] == "execution_success" for message in messages)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_conversations_pass(name: str) -> None:
    for messages in by_prompt(name).values():
        check_lifecycle(messages, succeeded=succeeded(messages), lazy=LAZY.get(name, set()))


def finished_never_comes(messages: list[dict[str, Any]]) -> None:
    for message in messages:
        if message["type"] == "progress_state":
            message["data"]["nodes"]["3"] = {"state": "running", "value": 0.0, "max": 1.0}


def executed_comes_twice(messages: list[dict[str, Any]]) -> None:
    executed = next(message for message in messages if message["type"] == "executed")
    messages.insert(messages.index(executed), copy.deepcopy(executed))


def executing_comes_after_the_end(messages: list[dict[str, Any]]) -> None:
    messages.append({"type": "executing", "data": {"node": "1", "display_node": "1", "prompt_id": "P1"}})


def a_node_comes_back(messages: list[dict[str, Any]]) -> None:
    last = next(message for message in reversed(messages) if message["type"] == "progress_state")
    again = copy.deepcopy(last)
    again["data"]["nodes"]["1"]["state"] = "running"
    messages.append(again)


@pytest.mark.parametrize(
    "spoil",
    [finished_never_comes, executed_comes_twice, executing_comes_after_the_end, a_node_comes_back],
    ids=lambda function: function.__name__,
)
def test_a_spoiled_conversation_is_noticed(spoil: Any) -> None:
    messages = by_prompt("01_success_save")["P1"]
    spoil(messages)
    with pytest.raises(AssertionError, match=r"[13] "):
        check_lifecycle(messages, succeeded=True)
