"""Which form a caller gets, and the ids of event streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs.answers import Form, chosen_file, media_ranges, wanted_form
from app.runs.event_stream import last_seen, server_sent
from app.runs.shapes import RunFile


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Form.JSON),
        ("", Form.JSON),
        ("*/*", Form.JSON),
        ("application/json", Form.JSON),
        ("text/event-stream", Form.EVENTS),
        ("text/event-stream, application/json", Form.EVENTS),
        ("image/png;q=0.1, application/json;q=0.9", Form.JSON),
        ("image/png", Form.FILE),
        ("video/*, */*;q=0.1", Form.FILE),
        ("image/png;q=0", Form.JSON),
    ],
)
def test_the_accept_header_chooses(accept: str | None, form: Form) -> None:
    assert wanted_form(accept, stream=False).form is form
    assert wanted_form(accept, stream=True).form is Form.EVENTS


@given(st.text(max_size=60))
def test_any_header_gives_some_form(accept: str) -> None:
    assert wanted_form(accept, stream=False).form in Form
    assert all("/" in name for name in media_ranges(accept))


def file(content_type: str, type_: str = "output") -> RunFile:
    return {
        "node_id": "1", "kind": "images", "filename": "a", "subfolder": "", "type": type_,
        "content_type": content_type, "size_bytes": 1,
    }  # fmt: skip


def test_kept_files_come_before_temporary_ones_and_the_callers_order_before_both() -> None:
    files = [file("image/png", "temp"), file("image/png"), file("video/mp4")]
    assert chosen_file(files, ("image/*",)) is files[1]
    assert chosen_file(files, ("video/mp4", "image/png")) is files[2]
    assert chosen_file(files, ("audio/*", "image/webp")) is None
    assert chosen_file(files[:1], ("application/octet-stream",)) is files[0]


@given(st.text(max_size=30))
def test_any_last_event_id_is_a_number_or_none(text: str) -> None:
    number, is_end = last_seen(text)
    assert number is None or 0 <= number < 10**19
    assert not is_end or number is not None


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False)))
def test_an_event_is_always_one_block(data: dict[str, object]) -> None:
    block = server_sent("executed", data, "5").decode()
    assert block.count("\n") == 4 and block.endswith("\n\n") and "\r" not in block
