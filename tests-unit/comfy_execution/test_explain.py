"""Why a node ran: every reason, seen through a running engine and on plain parts."""

from __future__ import annotations

from typing import Any

import pytest
from engine_harness import Bench, RecordingSink, new_registry

from comfy_execution.caching.keys import KeyParts
from comfy_execution.explain import MAX_PROMPTS, Explanations, Why, explain_run


def parts(class_type: str = "A", fingerprint: str | None = "", **inputs: str | None) -> KeyParts:
    return KeyParts(class_type, fingerprint, inputs)


@pytest.mark.parametrize(
    ("now", "before", "why", "names"),
    [
        (parts(x="=1"), None, Why.NEW, ()),
        (parts("A"), parts("B"), Why.CLASS_CHANGED, ()),
        (parts(x="=1", y="=2"), parts(x="=1", y="=3"), Why.INPUTS_CHANGED, ("y",)),
        (parts(x="=1"), parts(), Why.INPUTS_CHANGED, ("x",)),
        (parts(), parts(x="=1"), Why.INPUTS_CHANGED, ("x",)),
        (parts(x="<aa:0"), parts(x="<bb:0"), Why.UPSTREAM_CHANGED, ("x",)),
        (parts(x="<aa:0"), parts(x="<aa:1"), Why.INPUTS_CHANGED, ("x",)),
        (parts(x="<aa:0"), parts(x="=5"), Why.INPUTS_CHANGED, ("x",)),
        (parts(x="<aa:0", y="=1"), parts(x="<bb:0", y="=2"), Why.INPUTS_CHANGED, ("y",)),
        (parts(fingerprint="1"), parts(fingerprint="2"), Why.CHANGE_CHECK, ()),
        (parts(fingerprint=None), parts(fingerprint=None), Why.ALWAYS, ()),
        (parts(x=None), parts(x=None), Why.INCOMPARABLE, ("x",)),
        (None, None, Why.INCOMPARABLE, ()),
        (parts(x="=1"), parts(x="=1"), Why.EVICTED, ()),
    ],
)
def test_the_reason_names_what_differs(
    now: KeyParts | None, before: KeyParts | None, why: Why, names: tuple[str, ...]
) -> None:
    found = explain_run(now, before)
    assert (found.ran, found.why, found.inputs) == (True, why, names)


def node_class(run: Any, **attributes: Any) -> type:
    fields = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": {"value": ("*", {})}}),
        "RETURN_TYPES": ("*",),
        "FUNCTION": "run",
        "run": run,
    }
    return type("Made", (), fields | attributes)


CLASSES = {
    "Const": node_class(lambda self, value: (value,)),
    "Always": node_class(
        lambda self, value: (value,), IS_CHANGED=classmethod(lambda cls, value: float("nan"))
    ),
    "Show": node_class(lambda self, value: {"ui": {"text": [str(value)]}}, RETURN_TYPES=(), OUTPUT_NODE=True),
}


def node(class_type: str, value: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": {"value": value}}


def test_a_running_engine_tells_the_reasons_of_each_prompt() -> None:
    first = {"1": node("Const", 1), "2": node("Show", ["1", 0]), "3": node("Const", 9)}
    second = {**first, "1": node("Const", 2)}
    third = {"1": node("Always", 2), "2": node("Show", ["1", 0])}
    with Bench(new_registry(CLASSES), RecordingSink("c")) as engine:
        told = []
        for prompt in (first, first, second, third):
            entry, _ = engine.run(prompt)
            told.append(engine.executor.explanations.get(entry["prompt"][1]))
    reasons = [
        {node_id: (why["ran"], why["reason"], why["inputs"]) for node_id, why in found.items()}
        for found in told
        if found is not None
    ]
    assert reasons == [
        {"1": (True, "new", []), "2": (True, "new", []), "3": (False, "not_needed", [])},
        {"1": (False, "cached", []), "2": (False, "cached", []), "3": (False, "not_needed", [])},
        {
            "1": (True, "inputs_changed", ["value"]),
            "2": (True, "upstream_changed", ["value"]),
            "3": (False, "not_needed", []),
        },
        {"1": (True, "always", []), "2": (True, "incomparable", ["value"])},
    ]


def test_only_the_last_prompts_are_remembered() -> None:
    explanations = Explanations()
    for i in range(MAX_PROMPTS + 1):
        explanations.note(str(i), ["1"], {}, (), (), {})
    assert explanations.get("0") is None
    assert explanations.get(str(MAX_PROMPTS)) == {
        "1": {"ran": False, "reason": "not_needed", "text": Why.NOT_NEEDED.value, "inputs": []}
    }
