"""The running graph's ids and ancestry."""

from __future__ import annotations

import pytest

from comfy_execution.errors import NodeNotFoundError
from comfy_execution.prompt import DynamicPrompt, running_copy


@pytest.fixture
def prompt() -> DynamicPrompt:
    prompt = DynamicPrompt({"1": {"class_type": "A", "inputs": {}}})
    prompt.add_ephemeral_node("1.0.0.1", {"class_type": "B", "inputs": {}}, "1")
    prompt.add_ephemeral_node("1.0.0.2", {"class_type": "C", "inputs": {}}, "1", "77")
    prompt.add_ephemeral_node("1.0.0.2.0.0.1", {"class_type": "D", "inputs": {}}, "1.0.0.2")
    return prompt


@pytest.mark.parametrize(
    ("node_id", "real", "parent", "display"),
    [
        ("1", "1", None, "1"),
        ("1.0.0.1", "1", "1", "1"),
        ("1.0.0.2", "1", "1", "77"),
        ("1.0.0.2.0.0.1", "1", "1.0.0.2", "77"),
    ],
)
def test_every_node_knows_where_it_comes_from_and_what_is_shown_for_it(
    prompt: DynamicPrompt, node_id: str, real: str, parent: str | None, display: str
) -> None:
    assert prompt.get_real_node_id(node_id) == real
    assert prompt.get_parent_node_id(node_id) == parent
    assert prompt.get_display_node_id(node_id) == display


def test_both_kinds_of_nodes_are_found(prompt: DynamicPrompt) -> None:
    assert prompt.get_node("1.0.0.1")["class_type"] == "B"
    assert prompt.has_node("1")
    assert not prompt.has_node("2")
    assert len(prompt.all_node_ids()) == 4
    assert list(prompt.get_original_prompt()) == ["1"]
    with pytest.raises(NodeNotFoundError) as caught:
        prompt.get_node("2")
    assert caught.value.node_id == "2"


def test_the_running_copy_can_be_changed_without_touching_what_was_sent() -> None:
    sent = {"1": {"class_type": "A", "inputs": {"v": 1}}}
    copy = running_copy(sent)
    copy["1"]["is_changed"] = [1]
    copy["1"]["inputs"]["v"] = 2
    assert sent == {"1": {"class_type": "A", "inputs": {"v": 1}}}
