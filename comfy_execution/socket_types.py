"""Which output fits which input: the comparison of socket types.

Authors write types as text, as text subclasses with their own `__ne__` (wildcards), as comma lists, or, for V1 choice
widgets, as the list of choices itself.
"""

from __future__ import annotations

from typing import Any

_MATCH_TYPE = "COMFY_MATCHTYPE_V3"
_WILDCARDS = frozenset({"*", _MATCH_TYPE})


def validate_node_input(received_type: Any, input_type: Any, strict: bool = False) -> bool:
    """Whether an output of `received_type` may be linked to an input of `input_type`.

    `strict`: all items of the received comma list have to be accepted, not just one.
    """
    # `not a != b` instead of `a == b`: packs override `__ne__` to make wildcards.
    if not received_type != input_type:  # noqa: SIM202
        return True
    if isinstance(received_type, list | tuple) and input_type == "COMBO":
        return True
    if isinstance(input_type, list | tuple) and received_type == "COMBO":
        return True
    if not isinstance(received_type, str):
        return False
    received = _items(received_type)
    if not isinstance(input_type, str):
        return not received.isdisjoint(_WILDCARDS)
    accepted = _items(input_type)
    if not (received | accepted).isdisjoint(_WILDCARDS):
        return True
    return received <= accepted if strict else not received.isdisjoint(accepted)


def _items(types: str) -> set[str]:
    return {item.strip() for item in str(types).split(",")}
