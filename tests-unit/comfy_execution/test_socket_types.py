"""Which output fits which input."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_execution.socket_types import validate_node_input


class Wild(str):
    """The wildcard trick of packs: never unequal."""

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("received", "wanted", "fits"),
    [
        ("INT", "INT", True),
        ("INT", "FLOAT", False),
        ("INT", "FLOAT,INT", True),
        ("INT,STRING", "FLOAT, INT", True),
        ("INT,STRING", "FLOAT", False),
        ("*", "INT", True),
        ("INT", "*", True),
        ("INT", "STRING,*", True),
        ("COMFY_MATCHTYPE_V3", "IMAGE", True),
        ("IMAGE", "COMFY_MATCHTYPE_V3", True),
        (Wild("x"), "INT", True),
        ("INT", Wild("x"), True),
        (["a", "b"], "COMBO", True),
        ("COMBO", ["a", "b"], True),
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a"], "INT", False),
        ("INT", ["a"], False),
        ("*", ["a"], True),
    ],
)
def test_types_fit(received: Any, wanted: Any, fits: bool) -> None:
    assert validate_node_input(received, wanted) is fits


def test_strict_asks_for_all_of_them() -> None:
    assert validate_node_input("INT", "INT,FLOAT", strict=True)
    assert not validate_node_input("INT,STRING", "INT,FLOAT", strict=True)
