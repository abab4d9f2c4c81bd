"""Counts in a file's metadata."""

from __future__ import annotations

import pytest

from comfy.errors import WeightsShapeError
from comfy.weights.metadata import check_divides, count_list, per_level

KEY = "codec.sd1.unet_heads"


@pytest.mark.parametrize(
    ("text", "counts"), [("8", (8,)), ("1,2,3,3", (1, 2, 3, 3)), (" 4 , 8 ", (4, 8)), ("65536", (65536,))]
)
def test_counts_are_read(text, counts):
    assert count_list({KEY: text}, KEY, 8) == counts


@pytest.mark.parametrize("metadata", [None, {}, {"other": "3"}])
def test_without_the_key_the_default_holds(metadata):
    assert count_list(metadata, KEY, 12) == (12,)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "a", "1,,2", "65537", "9" * 5000, "٣", "1e3"])
def test_anything_else_is_an_error_that_names_the_key(text):
    with pytest.raises(WeightsShapeError) as caught:
        count_list({KEY: text}, KEY, 8)
    assert caught.value.key == KEY
    assert len(str(caught.value)) < 400


def test_one_count_stands_for_all_levels():
    assert per_level((8,), 4, KEY) == (8, 8, 8, 8)
    assert per_level((1, 2), 2, KEY) == (1, 2)
    with pytest.raises(WeightsShapeError) as caught:
        per_level((1, 2, 3), 4, KEY)
    assert (caught.value.expected, caught.value.found) == ("1 or 4", "3")


def test_a_count_that_does_not_divide_names_key_and_numbers():
    check_divides(3, 96, key=KEY, what="heads")
    with pytest.raises(WeightsShapeError) as caught:
        check_divides(8, 100, key=KEY, what="heads")
    assert caught.value.key == KEY
    assert "100" in str(caught.value) and "8" in str(caught.value)
