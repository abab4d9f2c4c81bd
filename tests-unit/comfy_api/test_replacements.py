"""Rules for retired classes: what a prompt becomes, and what is left alone."""

from __future__ import annotations

import copy

import pytest

from comfy_api import replacements
from comfy_api.errors import SchemaError
from comfy_api.latest import ComfyAPI, ComfyAPISync, io
from comfy_api.replacements import ReplacementTable

RULE = io.NodeReplace(
    new_node_id="NewBlur",
    old_node_id="OldBlur",
    old_widget_ids=["size"],
    input_mapping=[{"new_id": "radius", "old_id": "size"}, {"new_id": "mode", "set_value": "fast"}],
    output_mapping=[{"new_idx": 1, "old_idx": 0}],
)
PROMPT = {
    "1": {"class_type": "OldBlur", "inputs": {"size": 3, "image": ["2", 0]}},
    "2": {"class_type": "Load", "inputs": {}},
    "3": {"class_type": "Save", "inputs": {"image": ["1", 0], "other": ["2", 0], "text": "1"}},
}


@pytest.fixture
def table() -> ReplacementTable:
    table = ReplacementTable()
    table.register(RULE)
    return table


def test_an_unknown_class_is_rewritten_with_its_inputs_and_links(table):
    prompt = copy.deepcopy(PROMPT)
    assert table.apply(prompt, {"NewBlur", "Load", "Save"}) == ["1"]
    assert prompt["1"] == {
        "class_type": "NewBlur",
        "inputs": {"image": ["2", 0], "radius": 3, "mode": "fast"},
    }
    assert prompt["3"]["inputs"] == {"image": ["1", 1], "other": ["2", 0], "text": "1"}


@pytest.mark.parametrize("known", [{"OldBlur", "NewBlur"}, {"Load"}, set()])
def test_a_known_class_or_a_missing_stand_in_changes_nothing(table, known):
    prompt = copy.deepcopy(PROMPT)
    assert table.apply(prompt, known) == [] and prompt == PROMPT


def test_the_first_rule_whose_class_exists_wins(table):
    table.register(io.NodeReplace("Other", "OldBlur"))
    table.register(io.NodeReplace("Third", "OldBlur"))
    prompt = copy.deepcopy(PROMPT)
    table.apply(prompt, {"Third", "Other"})
    assert prompt["1"] == PROMPT["1"] | {"class_type": "Other"}
    assert prompt["3"] == PROMPT["3"]


@pytest.mark.parametrize(
    "node", [None, 7, [], {}, {"class_type": 5}, {"class_type": "OldBlur", "inputs": "x"}]
)
def test_malformed_nodes_do_not_break_it(table, node):
    table.apply({"1": node, "2": {"class_type": "Save", "inputs": {"a": ["1", 0]}}}, {"NewBlur"})


@pytest.mark.parametrize(
    "mapping",
    [
        {"input_mapping": [{"new_id": "a"}]},
        {"input_mapping": [{"old_id": "a"}]},
        {"output_mapping": [{"new_idx": 1}]},
        {"output_mapping": [{"new_idx": 1, "old_idx": "0"}]},
    ],
)
def test_a_rule_without_its_keys_is_refused_when_it_is_made(mapping):
    with pytest.raises(SchemaError) as caught:
        io.NodeReplace("New", "Old", **mapping)
    assert caught.value.node_id == "Old" and caught.value.field in mapping


async def test_packs_register_through_the_api_and_clients_see_it(monkeypatch):
    mine = ReplacementTable()
    monkeypatch.setattr("comfy_api.progress.REPLACEMENTS", mine)
    await ComfyAPI().node_replacement.register(RULE)
    ComfyAPISync().node_replacement.register(RULE)
    assert mine.as_dict() == {
        "OldBlur": [
            {
                "new_node_id": "NewBlur",
                "old_node_id": "OldBlur",
                "old_widget_ids": ["size"],
                "input_mapping": RULE.input_mapping,
                "output_mapping": RULE.output_mapping,
            }
        ]
    }
    assert replacements.REPLACEMENTS.as_dict() == {}
