"""What node authors build graphs with."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_execution import graph, utils
from comfy_execution.context import CurrentNodeContext, get_executing_context
from comfy_execution.graph_utils import ExecutionBlocker, GraphBuilder, add_graph_prefix, is_link


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["1", 0], True),
        (["1", 0.0], True),
        (["1", True], False),
        (["1"], False),
        ([1, 0], False),
        (("1", 0), False),
        ("10", False),
        (["1", "0"], False),
        (["1", 0, 0], False),
    ],
)
def test_a_link_is_a_list_of_id_and_slot(value: Any, expected: bool) -> None:
    assert is_link(value) is expected


def test_ids_count_from_one_behind_the_call_and_graph_counters() -> None:
    GraphBuilder.set_default_prefix("7", 2, 0)
    first, second = GraphBuilder(), GraphBuilder()
    assert [first.node("A").id, first.node("B").id, second.node("A").id] == ["7.2.0.1", "7.2.0.2", "7.2.1.1"]
    assert GraphBuilder.alloc_prefix("r", 1, 5) == "r.1.5."


def test_a_graph_is_a_prompt() -> None:
    builder = GraphBuilder("p.")
    source = builder.node("Load", "load", name="x")
    sink = builder.node("Show", value=source.out(1))
    sink.set_override_display_id("77")
    assert builder.finalize() == {
        "p.load": {"class_type": "Load", "inputs": {"name": "x"}},
        "p.1": {"class_type": "Show", "inputs": {"value": ["p.load", 1]}, "override_display_id": "77"},
    }


def test_the_same_id_twice_is_the_first_node() -> None:
    builder = GraphBuilder("p.")
    assert builder.node("A", "x", v=1) is builder.node("B", "x", v=2)
    assert builder.lookup_node("x") is builder.nodes["p.x"]
    assert builder.lookup_node("y") is None


def test_inputs_can_be_set_read_and_removed() -> None:
    node = GraphBuilder("p.").node("A", v=1)
    node.set_input("w", 2)
    node.set_input("v", None)
    assert (node.get_input("v"), node.get_input("w"), node.inputs) == (None, 2, {"w": 2})


def test_an_output_can_be_replaced_everywhere() -> None:
    builder = GraphBuilder("p.")
    old = builder.node("A", "old")
    one = builder.node("B", x=old.out(0), y=old.out(1), z=5)
    builder.replace_node_output("old", 0, ["other", 3])
    builder.replace_node_output("old", 1, None)
    builder.remove_node("old")
    assert one.inputs == {"x": ["other", 3], "z": 5}
    assert list(builder.nodes) == ["p.1"]


def test_a_prefix_moves_nodes_links_and_outputs_and_leaves_the_original_alone() -> None:
    plain = {
        "a": {"class_type": "A", "inputs": {"v": 1}},
        "b": {"class_type": "B", "inputs": {"v": ["a", 0]}},
    }
    moved, outputs = add_graph_prefix(plain, [["b", 0], 7], "p.")
    assert moved["p.b"]["inputs"] == {"v": ["p.a", 0]}
    assert outputs == (["p.b", 0], 7)
    assert plain["b"]["inputs"] == {"v": ["a", 0]}


def test_the_names_packs_import_are_the_homes_own() -> None:
    assert graph.ExecutionBlocker is ExecutionBlocker
    assert utils.get_executing_context is get_executing_context
    assert graph.DynamicPrompt.__module__ == "comfy_execution.prompt"
    assert issubclass(graph.DependencyCycleError, Exception)
    assert issubclass(graph.NodeInputError, ValueError)
    assert issubclass(graph.NodeNotFoundError, LookupError)


def test_contexts_nest_and_end() -> None:
    with CurrentNodeContext("p", "1", 0):
        with CurrentNodeContext("p", "2"):
            assert get_executing_context() == ("p", "2", None)
        assert get_executing_context() == ("p", "1", 0)
    assert get_executing_context() is None


def test_the_declaration_of_an_input_is_found_in_all_three_sections() -> None:
    class Made:
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {
                "required": {"a": ("INT", {"min": 1}), "pick": (["x"],)},
                "optional": {"b": ("FLOAT",)},
                "hidden": {"me": "UNIQUE_ID"},
            }

    find = graph.get_input_info
    assert find(Made, "a") == ("INT", "required", {"min": 1})
    assert find(Made, "pick") == (["x"], "required", {})
    assert find(Made, "b") == ("FLOAT", "optional", {})
    assert find(Made, "me") == ("UNIQUE_ID", "hidden", {})
    assert find(Made, "nothing") == (None, None, None)
