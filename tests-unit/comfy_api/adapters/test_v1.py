"""V1 classes as the engine's records, including the tricks that packs play."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_api.adapters import describe


class Full:
    """A class that uses everything."""

    RETURN_TYPES = ("IMAGE", ["a", "b"], "INT")
    RETURN_NAMES = ("picture",)
    OUTPUT_IS_LIST = (False, True)
    OUTPUT_TOOLTIPS = ("seen",)
    FUNCTION = "work"
    OUTPUT_NODE = True
    NOT_IDEMPOTENT = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"image": ("IMAGE",), "size": ("INT", {"min": 1, "lazy": True})},
            "optional": {"pick": (["x", "y"],), "link": ["*", {"rawLink": True}]},
            "hidden": {"me": "UNIQUE_ID", "all": ("PROMPT",)},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, size: int, input_types: dict[str, str], me: str = "") -> Any:
        return f"{size} {input_types} {me}"

    @classmethod
    def IS_CHANGED(cls, size: int, **rest: Any) -> Any:
        return size, sorted(rest)

    def check_lazy_status(self, size: int | None = None) -> list[str]:
        return [] if size else ["size"]

    async def work(self, **inputs: Any) -> Any:
        return inputs


class Bare:
    """A class that uses nothing."""

    RETURN_TYPES = ()
    FUNCTION = "run"
    INPUT_TYPES = classmethod(lambda cls: {"required": {}})

    def run(self) -> None:
        return None


def test_the_record_says_what_the_author_wrote() -> None:
    spec = describe("Full", Full)
    assert [(found.name, found.type, found.required) for found in spec.inputs.values()] == [
        ("image", "IMAGE", True),
        ("size", "INT", True),
        ("pick", ["x", "y"], False),
        ("link", "*", False),
    ]
    assert (spec.inputs["size"].is_lazy, spec.inputs["link"].is_raw_link) == (True, True)
    assert [(found.type, found.name, found.is_list, found.tooltip) for found in spec.outputs] == [
        ("IMAGE", "picture", False, "seen"),
        (["a", "b"], "COMBO", True, None),
        ("INT", "INT", False, None),
    ]
    assert spec.hidden == {"me": "UNIQUE_ID", "all": "PROMPT"}
    assert (spec.api, spec.is_output, spec.not_idempotent, spec.is_async) == ("v1", True, True, True)
    assert spec.inputs_for({"anything": 1}) is spec.inputs


def test_what_the_author_left_out_is_off() -> None:
    spec = describe("Bare", Bare)
    assert not (spec.is_output or spec.input_is_list or spec.not_idempotent or spec.is_async)
    behaviour = spec.behaviour
    assert (behaviour.lazy_check, behaviour.fingerprint, behaviour.validator) == (None, None, None)
    assert not (behaviour.validated_inputs or behaviour.validates_all or behaviour.validates_types)
    assert behaviour.call(behaviour.make_instance(), {}, {}) is None


async def test_hidden_values_go_in_by_the_names_the_class_gave_them() -> None:
    behaviour = describe("Full", Full).behaviour
    found = behaviour.call(behaviour.make_instance(), {"size": 1}, {"UNIQUE_ID": "7", "PROMPT": {}})
    assert await found == {"size": 1, "me": "7", "all": {}}


def test_other_functions_get_only_the_hidden_values_they_take() -> None:
    behaviour = describe("Full", Full).behaviour
    hidden = {"UNIQUE_ID": "7", "PROMPT": {}}
    assert behaviour.validated_inputs == {"size", "me"}
    assert (behaviour.validates_types, behaviour.validates_all) == (True, False)
    assert behaviour.validator is not None
    assert behaviour.validator({"size": 3, "input_types": {}}, hidden) == "3 {} 7"
    assert behaviour.fingerprint is not None
    assert behaviour.fingerprint({"size": 3}, hidden) == (3, ["all", "me"])
    assert behaviour.lazy_check is not None
    assert behaviour.lazy_check(behaviour.make_instance(), {"size": None}, hidden) == ["size"]


class AnyName(dict[str, Any]):
    """The trick of packs with any number of inputs: a mapping that contains every name."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> Any:
        return ("*", {"name": key})


def test_a_section_that_contains_any_name_declares_whatever_is_sent() -> None:
    open_class = type(
        "Open", (Bare,), {"INPUT_TYPES": classmethod(lambda cls: {"required": {}, "optional": AnyName()})}
    )
    spec = describe("Open", open_class)
    assert spec.inputs == {}
    found = spec.inputs_for({"any_01": ["1", 0], "any_02": 5})
    assert [(one.name, one.type, one.required) for one in found.values()] == [
        ("any_01", "*", False),
        ("any_02", "*", False),
    ]


def test_a_list_class_gets_hidden_values_in_lists() -> None:
    listed = type(
        "Listed",
        (Bare,),
        {
            "INPUT_IS_LIST": True,
            "INPUT_TYPES": classmethod(lambda cls: {"required": {}, "hidden": {"me": "UNIQUE_ID"}}),
            "run": lambda self, me: me,
        },
    )
    behaviour = describe("Listed", listed).behaviour
    assert behaviour.call(behaviour.make_instance(), {}, {"UNIQUE_ID": "7"}) == ["7"]


def test_a_class_without_a_function_name_is_refused() -> None:
    with pytest.raises(AttributeError):
        describe("Broken", type("Broken", (), {"INPUT_TYPES": Bare.INPUT_TYPES, "RETURN_TYPES": ()}))
