"""Texts for values that packs come up with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.json_text import to_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, "é", None]}, {"a": [1, "é", None]}),
        ([float("nan"), float("inf"), {"deep": (-float("inf"), 1.5)}], [None, None, {"deep": [None, 1.5]}]),
        (np.float32(1.5), 1.5),
        (np.int64(7), 7),
        ([np.float64("nan")], [None]),
        (Path("x"), "x"),
        ({"b", "a"}, ["a", "b"]),
        (b"raw", "b'raw'"),
        ({1: 2}, {"1": 2}),
    ],
)
def test_browsers_can_read_it(value: Any, expected: Any) -> None:
    text = to_json(value)
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"bare {name}")) == expected
    assert text.isascii()


def test_nan_stays_bare_where_the_peer_writes_it() -> None:
    assert to_json({"a": float("nan")}, keep_nan=True) == '{"a": NaN}'


def test_a_value_that_holds_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular"):
        to_json(loop)
