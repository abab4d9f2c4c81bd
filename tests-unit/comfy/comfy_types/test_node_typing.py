"""Type strings of V1 packs, and how they compare."""

from __future__ import annotations

import pytest

from comfy.comfy_types import IO, CheckLazyMixin


@pytest.mark.parametrize(
    ("left", "right", "differ"),
    [
        (IO.IMAGE, "IMAGE", False),
        (IO.IMAGE, "MASK", True),
        (IO.ANY, "IMAGE", False),
        (IO.IMAGE, "*", False),
        (IO.NUMBER, "INT", False),
        (IO.NUMBER, "INT,FLOAT", False),
        (IO.INT, IO.PRIMITIVE, False),
        (IO.NUMBER, "STRING", True),
        (IO.NUMBER, "INT,STRING", True),
        (IO.ANY, 7, False),
        (IO.INT, 7, True),
    ],
)
def test_any_fits_all_and_unions_fit_by_subset(left, right, differ):
    assert (left != right) is differ


def test_members_are_plain_strings_for_clients():
    assert f"{IO.NUMBER}" == "FLOAT,INT" and {IO.INT: 1}["INT"] == 1


def test_the_lazy_mixin_asks_for_what_is_missing():
    assert CheckLazyMixin().check_lazy_status(a=1, b=None, c=0) == ["b"]
