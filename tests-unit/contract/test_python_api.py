"""What node packs import: every recorded name is there and takes the recorded parameters, by name and position.

`python_api.json` holds module -> name -> signature (or, for a class, member -> signature; null where only the name
counts). Where 2026 changed a signature, the newer one stands.
`python_api_gaps.json` lists what is not there yet: the list may only get shorter.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[1] / "data" / "contract"
RECORDED: dict[str, dict[str, Any]] = json.loads((DATA / "python_api.json").read_text())
GAPS: dict[str, list[str]] = json.loads((DATA / "python_api_gaps.json").read_text())
RECEIVERS = frozenset({"self", "cls", "s"})


def recorded_names(signature: str) -> list[str]:
    """Positional parameters of a recorded signature, without the receiver."""
    function = ast.parse(f"def f{signature}: pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names and names[0] in RECEIVERS else names


def mismatch(function: Any, signature: str) -> str | None:
    """Why a caller of the recorded signature would fail, or None."""
    wanted = recorded_names(signature)
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name in RECEIVERS:
        parameters = parameters[1:]
    kinds = {parameter.kind for parameter in parameters}
    if {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds:
        return None
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if positional[: len(wanted)] != wanted:
        return f"takes {positional}, recorded {wanted}"
    needed = [
        p.name
        for p in parameters
        if p.name not in wanted
        and p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    return f"also needs {needed}" if needed else None


def member_problem(cls: type, member: str, signature: str | None) -> str | None:
    """What is wrong with one member of a class, or None. Plain attributes and properties only have to be there."""
    if not hasattr(cls, member):
        return "missing"
    if signature is None or isinstance(inspect.getattr_static(cls, member), property):
        return None
    return mismatch(getattr(cls, member), signature)


def problems_of(module: Any, names: dict[str, Any]) -> dict[str, str]:
    """Recorded name (`f`, `C`, `C.member`) -> what is wrong with ours."""
    found = {}
    for name, recorded in names.items():
        ours = getattr(module, name, None)
        if ours is None and not hasattr(module, name):
            found[name] = "missing"
        elif isinstance(recorded, str):
            if reason := mismatch(ours, recorded):
                found[name] = reason
        else:
            for member, signature in recorded.items():
                if reason := member_problem(ours, member, signature):
                    found[f"{name}.{member}"] = reason
    return found


@pytest.mark.parametrize("module_name", [name for name in RECORDED if GAPS.get(name) != ["*"]])
def test_a_door_offers_what_packs_import(module_name):
    module = importlib.import_module(module_name)
    found = problems_of(module, RECORDED[module_name])
    assert {name: why for name, why in found.items() if name not in GAPS.get(module_name, ())} == {}


def test_the_gaps_name_only_recorded_things():
    for module_name, names in GAPS.items():
        members = {
            f"{name}.{member}"
            for name, recorded in RECORDED[module_name].items()
            if isinstance(recorded, dict)
            for member in recorded
        }
        assert set(names) <= RECORDED[module_name].keys() | members | {"*"}


# --- the check itself notices ---


class Sample:
    def method(self, a, b=1):
        pass


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("(self, a, b=2)", None),
        ("(self, a)", None),
        ("(self, a, c=1)", "recorded ['a', 'c']"),
        ("(self, b, a)", "recorded ['b', 'a']"),
        ("(self)", "also needs ['a']"),
    ],
)
def test_a_changed_signature_is_noticed(signature, reason):
    found = mismatch(Sample().method, signature)
    assert found is None if reason is None else reason in found


def test_a_missing_name_is_noticed():
    recorded = {"Sample": {"method": "(self, a)", "other": None}, "absent": "()"}
    module = type("module", (), {"Sample": Sample})
    assert problems_of(module, recorded) == {"Sample.other": "missing", "absent": "missing"}
