"""Finished prompts: order, limit, ranges."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_execution.history import History


@pytest.fixture
def history() -> History:
    history = History()
    for prompt_id in "abcde":
        history.add(prompt_id, {"prompt": (), "outputs": {}, "status": None, "meta": {}})
    return history


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ({}, "abcde"),
        ({"prompt_id": "b"}, "b"),
        ({"prompt_id": "x"}, ""),
        ({"max_items": 2}, "de"),
        ({"max_items": 9}, "abcde"),
        ({"max_items": 0}, ""),
        ({"max_items": 2, "offset": 0}, "ab"),
        ({"max_items": 2, "offset": 3}, "de"),
        ({"offset": 3}, "de"),
        ({"offset": 9}, ""),
        ({"max_items": 2, "offset": -4}, "de"),
        ({"max_items": -1, "offset": 0}, ""),
    ],
)
def test_ranges_count_from_the_end_they_say(history: History, arguments: Any, chosen: str) -> None:
    assert list(history.select(**arguments)) == list(chosen)


def test_a_map_function_sees_the_entry_itself(history: History) -> None:
    assert history.select("a", map_function=lambda entry: sorted(entry)) == {
        "a": ["meta", "outputs", "prompt", "status"]
    }


def test_the_oldest_goes_when_the_limit_was_passed_before() -> None:
    history = History(max_entries=2)
    for prompt_id in "abcd":
        history.add(prompt_id, {})
    assert list(history.select()) == ["b", "c", "d"]


def test_an_id_that_ends_again_is_the_newest(history: History) -> None:
    history.add("a", {"again": True})
    assert list(history.select()) == list("bcdea")
