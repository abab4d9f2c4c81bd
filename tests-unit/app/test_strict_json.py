"""JSON bodies that lenient parsers take: refused with the field that holds them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served_app import Served

from app.errors import RequestError
from app.strict_json import parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_standard_value_is_read_as_it_is(value: object, as_bytes: bool) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert parse_json(text.encode("utf-8", "surrogatepass") if as_bytes and _is_text(text) else text) == value


def _is_text(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_a_value_or_a_known_error(raw: bytes) -> None:
    try:
        parse_json(raw)
    except (ValueError, RecursionError):
        return


@pytest.mark.parametrize(
    ("text", "kind", "field"),
    [
        ("NaN", "not_a_number", "body"),
        ('{"a": [1, -Infinity]}', "not_a_number", "a.1"),
        ('{"prompt": {"3": {"inputs": {"cfg": NaN}}}}', "not_a_number", "prompt.3.inputs.cfg"),
        ('{"a": 1, "a": 1}', "duplicate_key", "a"),
        ('{"prompt": {"3": {}, "4": {}, "3": {}}}', "duplicate_key", "prompt.3"),
        ('[{"x": {"b": 1, "b": 2, "c": 3, "c": 4}}]', "duplicate_key", "0.x.b"),
    ],
)
def test_the_field_is_named(text: str, kind: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_json(text)
    assert (caught.value.type, caught.value.field) == (kind, field)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"prompt": {"1": {"class_type": "A", "inputs": {"x": NaN}}}}', "prompt.1.inputs.x"),
        (b'{"prompt": {"1": {}, "1": {}}}', "prompt.1"),
        (b'{"prompt": "\xff\xfe"}', "body"),
    ],
)
@pytest.mark.parametrize("path", ["/prompt", "/v1/workflows/run", "/queue", "/settings"])
async def test_every_route_that_reads_json_answers_400_with_field_and_reason(
    served: Served, path: str, raw: bytes, field: str
) -> None:
    status, body = await served.json("POST", path, data=raw)
    assert (status, body["error"]["extra_info"]["field"]) == (400, field)
    assert body["error"]["message"]
