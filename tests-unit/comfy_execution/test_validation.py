"""Validation as clients see it: the error bodies of 2026, odd input, and the checks that the recordings leave out."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from engine_harness import RecordingSink, load_contract_pack, new_registry
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy_execution.registry import Registry
from comfy_execution.validation import validate_inputs, validate_prompt


class Wild(str):
    """The wildcard trick of packs."""

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def node_class(required: dict[str, Any], returns: tuple[Any, ...] = ("INT",), **attributes: Any) -> type:
    fields = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": required}),
        "RETURN_TYPES": returns,
        "FUNCTION": "run",
        "run": lambda self, **inputs: (0,) * len(returns),
    }
    return type("Made", (), fields | attributes)


def broken_types(cls: type) -> dict[str, Any]:
    raise OSError("the choices are on a disk that is gone")


CLASSES: dict[str, type] = {
    "Int": node_class({"value": ("INT", {"min": -10, "max": 10})}),
    "Text": node_class({"value": ("STRING", {})}, ("STRING",)),
    "Add": node_class({"a": ("INT", {}), "b": ("INT", {})}),
    "Choice": node_class({"pick": (["a", "b"],)}, (["a", "b"],)),
    "Combo": node_class({"pick": ("COMBO", {"options": ["a", "b"]})}, ("COMBO",)),
    "Remote": node_class({"pick": ("COMBO", {"options": [], "remote_combo": {"route": "/x"}})}),
    "Many": node_class({"picks": ("COMBO", {"options": ["a", "b"], "multiselect": True})}),
    "Any": node_class({"value": ("*", {})}, ("*",)),
    "Show": node_class({"value": (Wild("*"),)}, (), OUTPUT_NODE=True),
    "ShowInt": node_class({"value": ("INT", {})}, (), OUTPUT_NODE=True),
    "ShowCombo": node_class({"value": ("COMBO", {})}, (), OUTPUT_NODE=True),
    "Pair": node_class({"value": ("FLOAT,INT", {})}, (), OUTPUT_NODE=True),
    "Broken": node_class({}, INPUT_TYPES=classmethod(broken_types)),
    "NoInputsToTell": node_class(
        {}, (), OUTPUT_NODE=True, VALIDATE_INPUTS=classmethod(lambda cls: "the moon is full")
    ),
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return new_registry(CLASSES)


def check(registry: Registry, prompt: Any, targets: list[str] | None = None) -> Any:
    return asyncio.run(validate_prompt("p", prompt, targets, registry))


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def errors_of(answer: Any, node_id: str) -> list[str]:
    return [entry["type"] for entry in answer[3][node_id]["errors"]]


def test_a_node_of_an_unknown_class_names_its_title(registry: Registry) -> None:
    prompt = {"1": {**node("NoSuch"), "_meta": {"title": "My node"}}, "2": node("Show", value=1)}
    ok, error, outputs, node_errors = check(registry, prompt)
    assert not ok
    assert error == {
        "type": "missing_node_type",
        "message": "Node 'My node' not found. The custom node may not be installed.",
        "details": "Node ID '#1'",
        "extra_info": {"node_id": "1", "class_type": "NoSuch", "node_title": "My node"},
    }
    assert (outputs, node_errors) == ([], {})


def test_a_node_without_a_class_is_called_by_its_id(registry: Registry) -> None:
    error = check(registry, {"7": {"inputs": {}}})[1]
    assert error["type"] == "missing_node_type"
    assert error["message"] == (
        "Node 'ID #7' has no class_type. The workflow may be corrupted or a custom node is missing."
    )
    assert error["extra_info"] == {"node_id": "7", "class_type": None, "node_title": None}


def test_every_node_of_a_static_cycle_is_told_the_path(registry: Registry) -> None:
    prompt = {
        "1": node("Add", a=["2", 0], b=1),
        "2": node("Add", a=["1", 0], b=1),
        "3": node("Show", value=["2", 0]),
    }
    ok, error, _, node_errors = check(registry, prompt)
    assert not ok
    assert (error["type"], error["details"]) == ("prompt_outputs_failed_validation", "")
    assert set(node_errors) == {"1", "2"}
    for node_id, found in node_errors.items():
        [entry] = found["errors"]
        assert entry["type"] == "dependency_cycle"
        assert entry["message"] == "Dependency cycle detected"
        assert entry["details"] in ("1 (Add) -> 2 (Add) -> 1 (Add)", "2 (Add) -> 1 (Add) -> 2 (Add)")
        assert entry["extra_info"]["node_id"] == node_id
        assert sorted(entry["extra_info"]["cycle_nodes"]) == ["1", "2"]
        assert found["dependent_outputs"] == ["3"]


def test_a_node_that_feeds_itself_is_a_cycle_of_one(registry: Registry) -> None:
    answer = check(registry, {"1": node("Add", a=["1", 0], b=1), "2": node("Show", value=["1", 0])})
    assert answer[3]["1"]["errors"][0]["details"] == "1 (Add) -> 1 (Add)"


def test_a_cycle_beside_a_good_output_lets_the_good_one_run(registry: Registry) -> None:
    prompt = {
        "1": node("Add", a=["1", 0], b=1),
        "2": node("Show", value=["1", 0]),
        "3": node("Show", value=5),
    }
    ok, error, outputs, node_errors = check(registry, prompt)
    assert (ok, error, outputs, set(node_errors)) == (True, None, ["3"], {"1"})


@pytest.mark.parametrize(
    ("class_type", "value", "details"),
    [
        ("Choice", "z", "pick: 'z' not in ['a', 'b']"),
        ("Choice", 5, "pick: '5' not in ['a', 'b']"),
        ("Combo", "z", "pick: 'z' not in ['a', 'b']"),
        ("Combo", 5, "pick: 5 not in ['a', 'b']"),
    ],
)
def test_choices_of_both_generations_are_checked(
    registry: Registry, class_type: str, value: Any, details: str
) -> None:
    answer = check(registry, {"1": node(class_type, pick=value), "2": node("Show", value=["1", 0])})
    [entry] = answer[3]["1"]["errors"]
    assert (entry["type"], entry["details"]) == ("value_not_in_list", details)
    assert entry["extra_info"]["received_value"] == value


def test_choices_that_come_from_elsewhere_are_not_checked(registry: Registry) -> None:
    assert check(registry, {"1": node("Remote", pick="zz"), "2": node("Show", value=["1", 0])})[0]


def test_several_picks_are_checked_one_by_one(registry: Registry) -> None:
    def picks(*values: Any) -> Any:
        wrapped = {"__value__": list(values)}
        return check(registry, {"1": node("Many", picks=wrapped), "2": node("Show", value=["1", 0])})

    assert picks("a", "b")[0]
    [entry] = picks("a", "x", "y")[3]["1"]["errors"]
    assert entry["details"] == "picks: 'x', 'y' not in ['a', 'b']"


@pytest.mark.parametrize(
    ("source", "sink", "fits"),
    [
        ("Any", "ShowInt", True),
        ("Text", "Any2", True),
        ("Text", "ShowInt", False),
        ("Int", "Pair", True),
        ("Text", "Pair", False),
        ("Choice", "ShowCombo", True),
        ("Int", "ShowCombo", False),
    ],
)
def test_links_fit_by_type(registry: Registry, source: str, sink: str, fits: bool) -> None:
    first = {"Text": {"value": "x"}, "Choice": {"pick": "a"}}.get(source, {"value": 1})
    prompt = {"1": node(source, **first), "2": node("Any" if sink == "Any2" else sink, value=["1", 0])}
    prompt["3"] = node("Show", value=["2", 0]) if sink == "Any2" else node("Show", value=1)
    answer = check(registry, prompt, ["2", "3"] if sink != "Any2" else None)
    assert ("2" not in answer[3]) is fits
    if not fits:
        assert errors_of(answer, "2") == ["return_type_mismatch"]


def test_a_slot_that_is_not_there_is_an_error_of_the_consumer(registry: Registry) -> None:
    answer = check(registry, {"1": node("Int", value=1), "2": node("Show", value=["1", 3])})
    [entry] = answer[3]["2"]["errors"]
    assert entry["type"] == "exception_during_validation"
    assert entry["extra_info"]["exception_type"] == "IndexError"


def test_a_class_that_cannot_describe_itself_is_reported_where_it_is_needed(registry: Registry) -> None:
    answer = check(registry, {"1": node("Broken"), "2": node("Show", value=["1", 0])})
    [entry] = answer[3]["1"]["errors"]
    assert entry["type"] == "exception_during_inner_validation"
    assert entry["details"] == "the choices are on a disk that is gone"
    assert entry["extra_info"]["linked_node"] == ["1", 0]


def test_a_broken_class_that_nobody_needs_hurts_nobody(registry: Registry) -> None:
    assert check(registry, {"1": node("Broken"), "2": node("Show", value=1)})[0]


def test_a_validator_without_inputs_reports_its_text(registry: Registry) -> None:
    answer = check(registry, {"1": node("NoInputsToTell")})
    assert answer[3]["1"]["errors"] == [
        {
            "type": "custom_validation_failed",
            "message": "Custom validation failed for node",
            "details": "the moon is full",
            "extra_info": {},
        }
    ]


def test_values_are_converted_in_place_and_defaults_are_not_filled_in(registry: Registry) -> None:
    prompt = {"1": node("Int", value="7"), "2": node("Text", value=3), "3": node("Show", value=["1", 0])}
    assert check(registry, prompt)[0]
    assert prompt["1"]["inputs"] == {"value": 7}
    assert prompt["2"]["inputs"] == {"value": 3}  # nobody needs it, so nobody looked


def test_an_upstream_error_lists_only_the_outputs_that_depend_on_it(registry: Registry) -> None:
    prompt = {
        "1": node("Int", value=99),
        "2": node("Show", value=["1", 0]),
        "3": node("Int", value=-99),
        "4": node("Show", value=["3", 0]),
    }
    answer = check(registry, prompt)
    assert answer[3]["1"]["dependent_outputs"] == ["2"]
    assert answer[3]["3"]["dependent_outputs"] == ["4"]


def test_one_node_and_what_it_needs_can_be_checked_alone(registry: Registry) -> None:
    seen: dict[str, Any] = {}
    prompt = {"1": node("Int", value=99), "2": node("Show", value=["1", 0])}
    assert asyncio.run(validate_inputs("p", prompt, "2", seen, registry)) == (False, [], "2")
    assert seen["1"][0] is False
    assert seen["1"][1][0]["type"] == "value_bigger_than_max"


@pytest.mark.parametrize(
    "prompt",
    [
        [],
        "text",
        None,
        {"1": None},
        {"1": {"class_type": ["x"], "inputs": {}}},
        {"1": {"class_type": "Show"}},
        {"1": {"class_type": "Show", "inputs": [1]}},
        {"1": {"class_type": "Show", "inputs": {"value": [[1], 0]}}},
        {"1": {"class_type": "Show", "inputs": {"value": [{}, 0]}}},
        {"1": {"class_type": "Show", "inputs": {"value": ["1", "x"]}}},
        {"1": {"class_type": "Show", "inputs": {"value": ["1", None]}}},
        {"1": {"class_type": "ShowInt", "inputs": {"value": float("nan")}}},
        {"1": {"class_type": "ShowInt", "inputs": {"value": float("inf")}}},
        {"1": {"class_type": "ShowInt", "inputs": {"value": "9" * 5000}}},
        {"1": {"class_type": "ShowInt", "inputs": {"value": {}}}},
        {"1": {"class_type": "Show", "inputs": {"value": 1}, "_meta": 5}, "2": {"_meta": {"title": 7}}},
    ],
)
def test_odd_prompts_get_an_answer_that_names_the_trouble(registry: Registry, prompt: Any) -> None:
    ok, error, outputs, node_errors = check(registry, prompt)
    assert not ok
    assert outputs == []
    assert error["type"] in ("invalid_prompt", "missing_node_type", "prompt_outputs_failed_validation")
    assert json.dumps([error, node_errors])
    assert node_errors or error["details"]


def test_a_graph_of_fifty_thousand_nodes_in_one_cycle_is_answered_in_linear_time(registry: Registry) -> None:
    size = 50_000
    prompt = {str(i): node("Add", a=[str((i + 1) % size), 0], b=["0", 0]) for i in range(size)}
    prompt["out"] = node("Show", value=["0", 0])
    started = time.perf_counter()
    ok, _, _, node_errors = check(registry, prompt)
    assert not ok
    assert any(errors["errors"][0]["type"] == "dependency_cycle" for errors in node_errors.values())
    assert len(json.dumps(node_errors)) < 200 * 1024 * 1024
    assert time.perf_counter() - started < 30  # seconds on a busy machine; quadratic would take hours


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
LINKS = st.tuples(st.sampled_from(["0", "1", "2", "ghost"]), st.integers(-2, 3)).map(list)
NODES = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from([*CLASSES, "NoSuch"]) | JSON_VALUES,
        "inputs": st.dictionaries(
            st.sampled_from(["value", "a", "b", "pick", "picks"]), LINKS | JSON_VALUES, max_size=3
        )
        | JSON_VALUES,
    }
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["0", "1", "2"]), NODES | JSON_VALUES, max_size=3))
def test_any_json_is_answered(prompt: Any) -> None:
    ok, error, outputs, node_errors = check(new_registry(CLASSES), prompt)
    assert ok is bool(outputs)
    assert (error is None) is ok
    assert all(found["errors"] for found in node_errors.values())
    json.dumps([error, node_errors])


def test_the_recorded_v3_block_needs_its_choice(registry: Registry) -> None:
    classes = load_contract_pack(RecordingSink("c"))
    if "CtV3" not in classes:
        pytest.fail("the trace pack must load whole")
    answer = check(new_registry(classes), {"1": node("CtV3", value=2, mode="times")})
    [entry] = answer[3]["1"]["errors"]
    assert (entry["type"], entry["details"]) == (
        "value_not_in_list",
        "mode: 'times' not in ['plus', 'minus']",
    )
