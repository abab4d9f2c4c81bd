"""Values checked against types, and the schemas that say the same."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import RequestError
from app.typed import Note, conform, schema_of


class Inner(TypedDict):
    """One thing."""

    size: Annotated[int, Note("how many", 1, 9)]


class Outer(TypedDict):
    """All kinds of fields."""

    name: Annotated[str, Note("", 1, 5)]
    inner: NotRequired[Inner | str | None]
    many: NotRequired[list[Inner]]
    kind: NotRequired[Literal["a", "b", 1]]
    rate: NotRequired[float]
    flag: NotRequired[bool]
    rest: NotRequired[dict[str, list[int]]]
    any: NotRequired[Any]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], "body"),
        ({}, "name"),
        ({"name": 1}, "name"),
        ({"name": ""}, "name"),
        ({"name": "sixsix"}, "name"),
        ({"name": "a", "inner": {}}, "inner.size"),
        ({"name": "a", "inner": {"size": 0}}, "inner.size"),
        ({"name": "a", "inner": 5}, "inner"),
        ({"name": "a", "many": [{"size": 1}, {"size": "2"}]}, "many.1.size"),
        ({"name": "a", "many": {}}, "many"),
        ({"name": "a", "kind": True}, "kind"),
        ({"name": "a", "rate": True}, "rate"),
        ({"name": "a", "flag": 1}, "flag"),
        ({"name": "a", "rest": {"x": [1, 2.5]}}, "rest.x.1"),
    ],
)
def test_the_path_of_the_field_at_fault_is_named(value: Any, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        conform(value, Outer)
    assert caught.value.field == field and caught.value.message


SOME = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.floats(-2, 2)
    | st.sampled_from(["", "a", "b", "sixsix"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "inner", "many", "kind", "rate", "flag", "rest", "size"]), inner
        )
    ),
    max_leaves=12,
)
NEAR = st.fixed_dictionaries({"name": st.sampled_from(["a", "b", ""])}, optional={
    "inner": SOME | st.fixed_dictionaries({"size": st.integers(0, 10)}), "kind": SOME, "many": SOME, "rest": SOME,
    "rate": SOME,
})  # fmt: skip


@given(SOME | NEAR)
@settings(max_examples=300, deadline=None)
def test_the_check_and_the_schema_agree(value: Any) -> None:
    shared: dict[str, Any] = {}
    reference = schema_of(Outer, shared)
    validator = jsonschema_rs.Draft202012Validator({**reference, "components": {"schemas": shared}})
    try:
        conform(value, Outer)
        is_good = True
    except RequestError:
        is_good = False
    assert validator.is_valid(value) == is_good or _is_python_number_case(value)


def _is_python_number_case(value: Any) -> bool:
    """JSON Schema takes 1.0 for an integer, and True is no 1 there; Python's parser keeps the kinds apart."""
    return any(isinstance(item, bool | float) for item in _leaves(value))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]
