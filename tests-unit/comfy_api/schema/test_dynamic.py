"""Unfolding and nesting of dynamic inputs, by example and by law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_api.errors import SchemaError
from comfy_api.latest import io
from comfy_api.schema.dynamic import nest, unfold

COMBO = io.DynamicCombo.Input(
    "mode",
    [
        io.DynamicCombo.Option("blur", [io.Float.Input("radius"), io.Int.Input("passes", optional=True)]),
        io.DynamicCombo.Option(
            "mix",
            [io.Autogrow.Input("layers", io.Autogrow.TemplateNames(io.Image.Input("x"), ["top", "low"], 1))],
        ),
        io.DynamicCombo.Option("none", []),
    ],
)
SLOT = io.DynamicSlot.Input(io.Mask.Input("mask", optional=True), [io.Float.Input("strength")])
GROUP = io.DynamicGroup.Input(
    "rows", [io.String.Input("name"), io.Float.Input("weight", optional=True)], min=1, max=3
)
GROW = io.Autogrow.Input(
    "images", io.Autogrow.TemplatePrefix(io.Image.Input("image"), "image", min=2, max=10)
)


def keys(inputs, live):
    return {found.key: found.required for found in unfold(inputs, live)}


def test_autogrow_needs_its_first_and_lists_what_is_there():
    assert keys([GROW], {}) == {"images.image0": True, "images.image1": True}
    live = {"images.image0": 1, "images.image4": 1, "images.other": 1}
    assert keys([GROW], live) == {"images.image0": True, "images.image1": True, "images.image4": False}


def test_autogrow_gives_a_dict_and_an_empty_one_when_empty():
    assert nest([GROW], {"images.image3": "d", "images.image0": "a"}) == {
        "images": {"image0": "a", "image3": "d"}
    }
    assert nest([GROW], {}) == {"images": {}}


def test_a_dynamic_combo_brings_the_inputs_of_the_chosen_option_only():
    assert keys([COMBO], {"mode": "blur"}) == {"mode": True, "mode.radius": True, "mode.passes": False}
    assert keys([COMBO], {"mode": "none", "mode.radius": 1}) == {"mode": True}
    assert keys([COMBO], {"mode": "unheard of"}) == {"mode": True}
    assert nest([COMBO], {"mode": "blur", "mode.radius": 2.0, "mode.layers.top": 1}) == {
        "mode": {"mode": "blur", "radius": 2.0}
    }


def test_dynamic_inputs_nest_inside_each_other():
    live = {"mode": "mix", "mode.layers.top": "t", "mode.layers.low": "l"}
    assert keys([COMBO], live) == {"mode": True, "mode.layers.top": True, "mode.layers.low": False}
    assert nest([COMBO], live) == {"mode": {"mode": "mix", "layers": {"top": "t", "low": "l"}}}


def test_the_choice_itself_is_a_combo_of_the_options():
    first = next(unfold([COMBO], {}))
    assert first.type == "COMBO" and first.options["options"] == ["blur", "mix", "none"]


def test_a_slot_brings_its_inputs_once_it_is_linked():
    assert keys([SLOT], {}) == {"mask": False}
    assert keys([SLOT], {"mask": ["1", 0]}) == {"mask": False, "mask.strength": True}
    assert nest([SLOT], {"mask": "m", "mask.strength": 0.5}) == {"mask": {"mask": "m", "strength": 0.5}}
    assert nest([SLOT], {}) == {}


def test_a_group_gives_rows():
    assert keys([GROUP], {"rows.1.name": "b"}) == {
        "rows.0.name": True, "rows.0.weight": False, "rows.1.name": True, "rows.1.weight": False,
    }  # fmt: skip
    values = {"rows.0.name": "a", "rows.1.name": "b", "rows.1.weight": 2.0}
    assert nest([GROUP], values) == {"rows": [{"name": "a"}, {"name": "b", "weight": 2.0}]}


def test_lazy_checks_get_value_and_prompt_key():
    live = {"mode": "blur", "mode.radius": None, "plain": 1}
    assert nest([COMBO, io.Int.Input("plain")], live, with_keys=True) == {
        "mode": {"mode": ("blur", "mode"), "radius": (None, "mode.radius")},
        "plain": 1,
    }


def test_unknown_keys_pass_only_where_the_schema_accepts_them():
    live = {"mode": "none", "extra": 5}
    assert nest([COMBO], live) == {"mode": {"mode": "none"}}
    assert nest([COMBO], live, keep_others=True) == {"mode": {"mode": "none"}, "extra": 5}


@pytest.mark.parametrize(
    "inputs",
    [
        [io.Autogrow.Input("g", io.Autogrow.TemplatePrefix(io.Image.Input("i"), "i", min=1, max=101))],
        [io.Autogrow.Input("g", io.Autogrow.TemplatePrefix(io.Image.Input("i"), "i", min=5, max=4))],
        [io.DynamicCombo.Input("m", [])],
        [io.DynamicCombo.Input("m", [io.DynamicCombo.Option("a", []), io.DynamicCombo.Option("a", [])])],
        [io.DynamicCombo.Input("m", [io.DynamicCombo.Option("a", [io.Int.Input("x", min=2, max=1)])])],
        [io.DynamicGroup.Input("r", [], min=3, max=2)],
    ],
)
def test_impossible_declarations_are_refused(inputs):
    with pytest.raises(SchemaError):
        io.Schema(node_id="T", inputs=inputs).validate()


# --- laws ---

ALL = [COMBO, SLOT, GROUP, GROW, io.Int.Input("plain")]
KEYS = st.sampled_from(
    ["mode", "mode.radius", "mode.passes", "mode.layers.top", "mode.layers.low", "mask", "mask.strength",
     "rows.0.name", "rows.1.weight", "rows.2.name", "rows.9.name", "images.image0", "images.image1",
     "images.image9", "images.image10", "plain", "stranger", "mode.", ".", "images"]
)  # fmt: skip
LIVE = st.dictionaries(KEYS, st.integers(), max_size=12).flatmap(
    lambda flat: st.sampled_from(["blur", "mix", "none", "odd"]).map(lambda mode: flat | {"mode": mode})
)


def leaves(value):
    if isinstance(value, dict):
        return [leaf for entry in value.values() for leaf in leaves(entry)]
    if isinstance(value, list):
        return [leaf for entry in value for leaf in leaves(entry)]
    return [value]


@given(LIVE)
def test_every_unfolded_key_stands_once(live):
    found = [entry.key for entry in unfold(ALL, live)]
    assert len(found) == len(set(found))


@given(LIVE)
def test_nesting_keeps_exactly_the_values_of_declared_keys(live):
    declared = {entry.key for entry in unfold(ALL, live)}
    expected = [value for key, value in live.items() if key in declared]
    assert sorted(map(str, leaves(nest(ALL, live)))) == sorted(map(str, expected))


@given(LIVE)
def test_pairs_name_the_key_they_came_from(live):
    nested = nest([COMBO, SLOT, GROUP, GROW], live, with_keys=True)
    for value, key in (leaf for leaf in leaves(nested)):
        assert live[key] == value


@given(st.dictionaries(st.text(max_size=20), st.integers(), max_size=8))
def test_no_prompt_keys_break_the_unfolding(live):
    assert {entry.key for entry in unfold(ALL, live)} >= {"mode", "plain", "images.image0"}
    nest(ALL, live)
