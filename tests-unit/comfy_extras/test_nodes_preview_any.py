"""What PreviewAny shows."""

from __future__ import annotations

import pytest
import torch

from comfy_extras.nodes_preview_any import PreviewAny


class _Shy:
    def __str__(self):
        return "a shy thing"


@pytest.mark.parametrize(
    ("value", "text"),
    [("hello", "hello"), (7, "7"), (2.5, "2.5"), (True, "True"), (None, "None"), ({"a": [1]}, '{"a": [1]}')],
)
def test_plain_values_show_as_text(value, text):
    assert PreviewAny().main(value) == {"ui": {"text": (text,)}}


def test_other_values_show_in_their_own_words():
    assert PreviewAny().main(_Shy())["ui"]["text"] == ("a shy thing",)
    assert (
        PreviewAny().main({"samples": torch.zeros(1)})["ui"]["text"][0].startswith("{'samples': tensor([0.])")
    )
