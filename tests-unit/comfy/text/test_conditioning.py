"""Setting values on conditioning."""

from __future__ import annotations

from comfy.text.conditioning import conditioning_set_values


def test_values_are_set_on_copies():
    original = [["a", {"x": 1}], ["b", {}]]
    changed = conditioning_set_values(original, {"x": 2})
    assert [values for _, values in changed] == [{"x": 2}, {"x": 2}]
    assert original == [["a", {"x": 1}], ["b", {}]]


def test_appending_adds_to_lists_that_are_there_and_sets_those_that_are_not():
    changed = conditioning_set_values([["a", {"refs": [1]}], ["b", {}]], {"refs": [2]}, append=True)
    assert [values["refs"] for _, values in changed] == [[1, 2], [2]]
