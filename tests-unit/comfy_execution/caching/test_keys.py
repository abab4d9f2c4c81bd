"""Cache keys: equal content, equal key; whatever could change the result changes the key."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest
from engine_harness import new_registry

from comfy_execution.caching.keys import KeyBook, sources_first
from comfy_execution.node_spec import NodeSpec


def spec(name: str, **attributes: Any) -> NodeSpec:
    hidden = attributes.pop("hidden", {})
    fields = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": {}, "hidden": hidden}),
        "RETURN_TYPES": ("*",),
        "FUNCTION": "run",
        "run": lambda self: (0,),
    }
    return new_registry({name: type(name, (), fields | attributes)}).spec(name)


SPECS = {
    "A": spec("A"),
    "B": spec("B"),
    "Own": spec("Own", NOT_IDEMPOTENT=True),
    "Id": spec("Id", hidden={"me": "UNIQUE_ID"}),
}


def keys(
    prompt: dict[str, tuple[str, dict[str, Any]]],
    fingerprints: dict[str, Any] | None = None,
    scope: bytes = b"",
) -> KeyBook:
    nodes = {node_id: {"class_type": kind, "inputs": inputs} for node_id, (kind, inputs) in prompt.items()}
    book = KeyBook()
    book.add(
        nodes, {node_id: SPECS[kind] for node_id, (kind, _) in prompt.items()}, fingerprints or {}, scope
    )
    return book


def key(inputs: dict[str, Any], kind: str = "A") -> bytes | None:
    return keys({"1": (kind, inputs)})["1"]


def test_ids_and_the_order_of_inputs_do_not_matter() -> None:
    here = keys({"1": ("A", {"x": 1}), "2": ("B", {"a": ["1", 0], "b": 2})})
    there = keys({"y": ("B", {"b": 2, "a": ["x", 0]}), "x": ("A", {"x": 1})})
    assert (here["1"], here["2"]) == (there["x"], there["y"])


@pytest.mark.parametrize("kind", ["Own", "Id"])
def test_a_class_that_cares_for_its_id_has_it_in_its_key(kind: str) -> None:
    assert keys({"1": (kind, {})})["1"] != keys({"2": (kind, {})})["2"]


def test_every_plain_value_has_a_key_of_its_own() -> None:
    values: list[Any] = [
        0, 1, True, False, 1.0, "1", "True", None, "None", "", [], {}, [1], ["1"], [[1]], [1, 1], {"a": 1}, {"a": "1"},
        {"b": 1}, {"a": {"b": 1}}, b"1", -0.0, 0.0, 1e300, float("inf"), "a,b", ["a", "b"], ["a,b"],
    ]  # fmt: skip
    made = [key({"x": value}) for value in values]
    assert None not in made
    assert len(set(made)) == len(values)


def test_the_order_of_keys_in_an_object_does_not_matter() -> None:
    assert key({"x": {"a": 1, "b": 2}}) == key({"x": {"b": 2, "a": 1}})


@pytest.mark.parametrize("value", [float("nan"), object(), [float("nan")], {"deep": [object()]}])
def test_what_is_never_equal_has_no_key_and_nothing_behind_it_has(value: Any) -> None:
    book = keys({"1": ("A", {"x": value}), "2": ("A", {"x": ["1", 0]}), "3": ("A", {"x": 1})})
    assert (book["1"], book["2"]) == (None, None)
    assert book["3"] is not None
    assert book.known("123") == [book["3"]]


def test_values_nested_without_end_have_no_key() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert key({"x": {"v": endless}}) is None


def test_links_to_another_slot_and_equal_looking_constants_differ() -> None:
    base = {"1": ("A", {"x": 1})}
    made = {
        keys({**base, "2": ("A", {"x": value})})["2"]
        for value in (["1", 0], ["1", 1], ["1"], ["1", "0"], "['1', 0]")
    }
    assert len(made) == 5


def test_a_fingerprint_joins_the_key() -> None:
    prompt = {"1": ("A", {"x": 1})}
    plain, one, other = (keys(prompt, found)["1"] for found in ({}, {"1": "abc"}, {"1": "abd"}))
    assert len({plain, one, other}) == 3
    assert keys(prompt, {"1": float("nan")})["1"] is None


def test_equal_nodes_of_two_expansions_are_kept_apart() -> None:
    prompt = {"1": ("A", {"x": 1})}
    assert len({keys(prompt, scope=scope)["1"] for scope in (b"", b"one", b"two")}) == 3


def test_links_into_nodes_added_before_count() -> None:
    book = keys({"1": ("A", {"x": 1})})
    book.add({"c": {"class_type": "A", "inputs": {"x": ["1", 0]}}}, {"c": SPECS["A"]}, {}, b"scope")
    assert book["c"] is not None


def test_cycles_and_links_to_nowhere_have_no_key() -> None:
    book = keys({"1": ("A", {"x": ["2", 0]}), "2": ("A", {"x": ["1", 0]}), "3": ("A", {"x": ["ghost", 0]})})
    assert [book[node_id] for node_id in "123"] == [None, None, None]


def test_a_chain_of_twenty_thousand_nodes_costs_linear_time() -> None:
    def seconds(size: int) -> float:
        prompt = {str(i): ("A", {"x": [str(i - 1), 0] if i else 1}) for i in range(size)}
        started = time.process_time()
        assert keys(dict(reversed(prompt.items())))[str(size - 1)] is not None
        return time.process_time() - started

    gc.disable()  # what other tests left behind is no part of the cost
    try:
        seconds(2000)
        small, large = (min(seconds(size) for _ in range(3)) for size in (2000, 20_000))
    finally:
        gc.enable()
    assert large < 40 * max(small, 0.002)


def test_sources_come_before_what_needs_them() -> None:
    nodes = {
        "c": {"inputs": {"x": ["a", 0], "y": ["b", 0]}},
        "b": {"inputs": {"x": ["a", 0]}},
        "a": {"inputs": {}},
    }
    assert sources_first(nodes) == ["a", "b", "c"]
