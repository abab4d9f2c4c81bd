"""Compares a served object_info entry with the recorded one.

The rule: `<text>` stands for any non-empty text of our own; a recorded empty list of choices stands for any
list (files differ by machine); sampler and scheduler lists hold what works, in the recorded order; the keys
of 2026 come on top and must be of the right kind; everything else is equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TEXT = "<text>"
ORDERED_SUBSETS = frozenset({"sampler_name", "scheduler"})

KEYS_OF_2026_ALL = {"is_input_list": bool, "has_intermediate_output": bool, "search_aliases": list}
KEYS_OF_2026_V1 = {"dev_only": bool, "essentials_category": str}
KEYS_OF_2026_V3 = {
    "output_matchtypes": (list, type(None)),
    "dev_only": bool,
    "price_badge": (dict, type(None)),
    "essentials_category": (str, type(None)),
}


def differences(recorded: dict[str, Any], served: dict[str, Any]) -> list[str]:
    """What differs between a recorded and a served entry, in words; empty when they agree."""
    is_v3 = {"api_node", "deprecated", "experimental", "output_tooltips"} <= recorded.keys()
    return [
        *_additions(served, recorded, is_v3),
        *_compare("", recorded, _without_additions(served, recorded)),
    ]


def _additions(served: dict[str, Any], recorded: dict[str, Any], is_v3: bool) -> Iterator[str]:
    required = KEYS_OF_2026_ALL | (KEYS_OF_2026_V3 if is_v3 else {})
    for key, kind in required.items():
        if key not in served:
            yield f"{key} (2026) is missing"
        elif not isinstance(served[key], kind):
            yield f"{key} (2026) is {served[key]!r}"
    for key, kind in KEYS_OF_2026_V1.items():
        if not is_v3 and key in served and not isinstance(served[key], kind):
            yield f"{key} (2026) is {served[key]!r}"


def _without_additions(served: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    extra = (KEYS_OF_2026_ALL | KEYS_OF_2026_V1 | KEYS_OF_2026_V3).keys() - recorded.keys()
    return {key: value for key, value in served.items() if key not in extra}


def _compare(path: str, recorded: Any, served: Any) -> Iterator[str]:
    name = path.rsplit(".", 1)[-1]
    if recorded == TEXT:
        if not (isinstance(served, str) and served.strip()):
            yield f"{path}: expected a text, came {served!r}"
    elif isinstance(recorded, dict):
        yield from _compare_dicts(path, recorded, served)
    elif isinstance(recorded, list):
        yield from _compare_lists(path, name, recorded, served)
    elif type(recorded) is not type(served) or recorded != served:
        yield f"{path}: expected {recorded!r}, came {served!r}"


def _compare_dicts(path: str, recorded: dict[str, Any], served: Any) -> Iterator[str]:
    if not isinstance(served, dict):
        yield f"{path}: expected an object, came {served!r}"
        return
    for key in sorted(recorded.keys() - served.keys()):
        yield f"{path}.{key}: missing"
    for key in sorted(served.keys() - recorded.keys()):
        yield f"{path}.{key}: too much, {served[key]!r}"
    for key in recorded.keys() & served.keys():
        yield from _compare(f"{path}.{key}", recorded[key], served[key])


def _compare_lists(path: str, name: str, recorded: list[Any], served: Any) -> Iterator[str]:
    if not isinstance(served, (list, tuple)):
        yield f"{path}: expected a list, came {served!r}"
        return
    if name in ORDERED_SUBSETS and recorded and isinstance(recorded[0], list):
        yield from _compare_working(path, recorded[0], list(served[0]))
        recorded, served = recorded[1:], list(served)[1:]
    elif _is_choice_widget(path, recorded) and recorded[0] == [] and served and isinstance(served[0], list):
        recorded, served = recorded[1:], list(served)[1:]
    if len(recorded) != len(served):
        yield f"{path}: expected {recorded!r}, came {list(served)!r}"
        return
    for index, (old, new) in enumerate(zip(recorded, served, strict=True)):
        yield from _compare(f"{path}[{index}]", old, new)


def _is_choice_widget(path: str, recorded: list[Any]) -> bool:
    return path.startswith(".input.") and bool(recorded) and isinstance(recorded[0], list)


def _compare_working(path: str, recorded: list[str], served: list[str]) -> Iterator[str]:
    if not served:
        yield f"{path}: no choices"
    if unknown := [choice for choice in served if choice not in recorded]:
        yield f"{path}: not in the contract: {unknown}"
    elif served != [choice for choice in recorded if choice in served]:
        yield f"{path}: not in the contract's order: {served}"
