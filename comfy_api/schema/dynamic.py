"""Inputs whose shape depends on the prompt: unfolding them for the engine, folding values for the author.

In a prompt nested inputs stand flat under dotted keys (`images.image0`, `mode.strength`). `unfold` says which
keys a given prompt entry may hold, each with its type; `nest` turns the flat values back into what `execute`
takes. Both are pure and know only `DynamicInput`; the kinds are in `dynamic_sockets`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from comfy_api.schema.sockets import SocketInput

Leaf = Callable[[str, Any], Any]


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""What `gather` gives when the prompt holds nothing of the input, so that `execute` uses its default."""


@dataclass(frozen=True, slots=True)
class LiveInput:
    """One key that a prompt entry may hold: dotted key, type, options, whether it must be there."""

    key: str
    type: str
    options: Mapping[str, Any]
    required: bool


class DynamicInput(SocketInput, ABC):
    """An input made of further inputs."""

    @abstractmethod
    def unfold(self, key: str, live: Mapping[str, Any], required: bool) -> Iterator[LiveInput]:
        """The keys below `key` that the prompt entry `live` may hold."""

    @abstractmethod
    def gather(self, key: str, values: Mapping[str, Any], leaf: Leaf) -> Any:
        """The nested value of everything below `key`, or ABSENT. `leaf(key, value)` makes each leaf."""


def has_dynamic(inputs: Sequence[SocketInput]) -> bool:
    """Whether any of the inputs depends on the prompt."""
    return any(isinstance(entry, DynamicInput) for entry in inputs)


def unfold(
    inputs: Sequence[SocketInput], live: Mapping[str, Any], *, prefix: str = "", required: bool = True
) -> Iterator[LiveInput]:
    """Every key that a prompt entry holding `live` may or must have, in the author's order."""
    for entry in inputs:
        key, needed = prefix + entry.id, required and not entry.optional
        if isinstance(entry, DynamicInput):
            yield from entry.unfold(key, live, needed)
        else:
            yield LiveInput(key, entry.get_io_type(), entry.as_dict(), needed)


def gather(
    inputs: Sequence[SocketInput], values: Mapping[str, Any], leaf: Leaf, prefix: str = ""
) -> dict[str, Any]:
    """The values below `prefix` by input id; inputs without a value are left out."""
    found: dict[str, Any] = {}
    for entry in inputs:
        key = prefix + entry.id
        if isinstance(entry, DynamicInput):
            value = entry.gather(key, values, leaf)
            if value is not ABSENT:
                found[entry.id] = value
        elif key in values:
            found[entry.id] = leaf(key, values[key])
    return found


def nest(
    inputs: Sequence[SocketInput],
    values: Mapping[str, Any],
    *,
    with_keys: bool = False,
    keep_others: bool = False,
) -> dict[str, Any]:
    """The arguments of an author's function from flat prompt values.

    `with_keys` makes each leaf inside a dynamic input a pair (value, prompt key): what `check_lazy_status`
    gets, so that it can name what it needs. `keep_others` passes on keys that no input declares.
    """

    def leaf(key: str, value: Any) -> Any:
        return (value, key) if with_keys else value

    arguments: dict[str, Any] = {}
    for entry in inputs:
        if isinstance(entry, DynamicInput):
            value = entry.gather(entry.id, values, leaf)
            if value is not ABSENT:
                arguments[entry.id] = value
        elif entry.id in values:
            arguments[entry.id] = values[entry.id]
    if keep_others:
        declared = {live.key for live in unfold(inputs, values)}
        arguments.update(
            {key: value for key, value in values.items() if key not in declared and key not in arguments}
        )
    return arguments
