"""The kinds of dynamic inputs: `Autogrow`, `DynamicCombo`, `DynamicSlot`, `DynamicGroup`."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from comfy_api.schema.dynamic import ABSENT, DynamicInput, Leaf, LiveInput, gather, unfold
from comfy_api.schema.sockets import ComfyTypeI, SocketInput, comfytype

MAX_GROWN = 100
"""Most sockets one Autogrow may have."""
MAX_ROWS = 20
"""Most rows one DynamicGroup may have."""


def _section(inputs: Sequence[SocketInput]) -> dict[str, dict[str, Any]]:
    section: dict[str, dict[str, Any]] = {"required": {}}
    for entry in inputs:
        kind = "optional" if entry.optional else "required"
        section.setdefault(kind, {})[entry.id] = [entry.get_io_type(), entry.as_dict()]
    return section


class _Template:
    """What an Autogrow repeats, and under which names."""

    def __init__(self, input: SocketInput, names: list[str], min: int) -> None:
        self.input, self.names, self.min = input, names, min

    def as_dict(self) -> dict[str, Any]:
        return {"input": _section([self.input])}

    def named(self, index: int) -> SocketInput:
        entry = copy.copy(self.input)
        entry.id = self.names[index]
        return entry


@comfytype(io_type="COMFY_AUTOGROW_V3")
class Autogrow(ComfyTypeI):
    """One input repeated: a new socket appears when the last one is linked. Gives {name: value}."""

    Type = dict

    class TemplatePrefix(_Template):
        """Names `prefix0`, `prefix1`, ...; the first `min` must be given."""

        def __init__(self, input: SocketInput, prefix: str, min: int = 1, max: int = 10) -> None:
            super().__init__(input, [f"{prefix}{index}" for index in range(max)], min)
            self.prefix, self.max = prefix, max

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"prefix": self.prefix, "min": self.min, "max": self.max}

    class TemplateNames(_Template):
        """Names as listed; the first `min` must be given."""

        def __init__(self, input: SocketInput, names: list[str], min: int = 1) -> None:
            super().__init__(input, list(names), min)

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"names": self.names, "min": self.min}

    class Input(DynamicInput):
        """Grows by `template`."""

        def __init__(
            self, id: str, template: _Template, display_name: str | None = None, optional: bool = False,
            tooltip: str | None = None, lazy: bool | None = None, extra_dict: dict[str, Any] | None = None,
        ) -> None:  # fmt: skip
            super().__init__(id, display_name, optional, tooltip, lazy, extra_dict)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"template": self.template.as_dict()}

        def get_all(self) -> list[SocketInput]:
            return [self, *self.template.input.get_all()]

        def problems(self) -> list[str]:
            found = super().problems() + self.template.input.problems()
            count = len(self.template.names)
            if not 1 <= count <= MAX_GROWN:
                found.append(f"grows to {count} sockets; 1 to {MAX_GROWN} are possible")
            if not 0 <= self.template.min <= count:
                found.append(f"min {self.template.min} is outside of 0..{count}")
            return found

        def unfold(self, key: str, live: Mapping[str, Any], required: bool) -> Iterator[LiveInput]:
            for index, name in enumerate(self.template.names):
                below = f"{key}.{name}"
                needed = required and index < self.template.min
                if needed or any(_is_at_or_below(given, below) for given in live):
                    yield from unfold([self.template.named(index)], live, prefix=f"{key}.", required=needed)

        def gather(self, key: str, values: Mapping[str, Any], leaf: Leaf) -> Any:
            entries = [self.template.named(index) for index in range(len(self.template.names))]
            return gather(entries, values, leaf, f"{key}.")


def _is_at_or_below(given: str, key: str) -> bool:
    return given == key or given.startswith(f"{key}.")


@comfytype(io_type="COMFY_DYNAMICCOMBO_V3")
class DynamicCombo(ComfyTypeI):
    """A choice that brings its own inputs. Gives {"<id>": chosen key, input id: value, ...}."""

    Type = dict

    class Option:
        """One choice and the inputs that come with it."""

        def __init__(self, key: str, inputs: list[SocketInput]) -> None:
            self.key, self.inputs = key, inputs

        def as_dict(self) -> dict[str, Any]:
            """As clients read it."""
            return {"key": self.key, "inputs": _section(self.inputs)}

    class Input(DynamicInput):
        """Chooses among `options`; the prompt holds the key under the input's id."""

        def __init__(
            self, id: str, options: list[DynamicCombo.Option], display_name: str | None = None,
            optional: bool = False, tooltip: str | None = None, lazy: bool | None = None,
            extra_dict: dict[str, Any] | None = None,
        ) -> None:  # fmt: skip
            super().__init__(id, display_name, optional, tooltip, lazy, extra_dict)
            self.options = options

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"options": [option.as_dict() for option in self.options]}

        def get_all(self) -> list[SocketInput]:
            return [self, *(found for option in self.options for entry in option.inputs
                            for found in entry.get_all())]  # fmt: skip

        def problems(self) -> list[str]:
            keys = [option.key for option in self.options]
            found = super().problems()
            if not keys or len(set(keys)) < len(keys):
                found.append("needs options with different keys")
            return found + [text for option in self.options for entry in option.inputs
                            for text in entry.problems()]  # fmt: skip

        def _chosen(self, value: Any) -> list[SocketInput]:
            return next((option.inputs for option in self.options if option.key == value), [])

        def unfold(self, key: str, live: Mapping[str, Any], required: bool) -> Iterator[LiveInput]:
            keys = [option.key for option in self.options]
            yield LiveInput(key, "COMBO", super().as_dict() | {"options": keys}, required)
            yield from unfold(self._chosen(live.get(key)), live, prefix=f"{key}.", required=required)

        def gather(self, key: str, values: Mapping[str, Any], leaf: Leaf) -> Any:
            if key not in values:
                return ABSENT
            chosen = values[key]
            if isinstance(chosen, list) and chosen:  # nodes that take lists get each value in one
                chosen = chosen[0]
            nested = gather(self._chosen(chosen), values, leaf, f"{key}.")
            return {self.id: leaf(key, values[key])} | nested


@comfytype(io_type="COMFY_DYNAMICSLOT_V3")
class DynamicSlot(ComfyTypeI):
    """A socket that brings further inputs once it is linked. Gives {"<id>": value, input id: value, ...}."""

    Type = dict

    class Input(DynamicInput):
        """`slot` is the socket (its id is this input's id), `inputs` come with the link."""

        def __init__(
            self, slot: SocketInput, inputs: list[SocketInput], display_name: str | None = None,
            tooltip: str | None = None, lazy: bool | None = None, extra_dict: dict[str, Any] | None = None,
        ) -> None:  # fmt: skip
            super().__init__(
                slot.id, display_name or slot.display_name, slot.optional, tooltip or slot.tooltip,
                lazy if lazy is not None else slot.lazy, extra_dict,
            )  # fmt: skip
            self.slot, self.inputs = slot, inputs

        def as_dict(self) -> dict[str, Any]:
            own = {"slotType": self.slot.get_io_type(), "inputs": _section(self.inputs)}
            return super().as_dict() | own

        def get_all(self) -> list[SocketInput]:
            return [self, *(found for entry in self.inputs for found in entry.get_all())]

        def problems(self) -> list[str]:
            return super().problems() + [text for entry in self.inputs for text in entry.problems()]

        def unfold(self, key: str, live: Mapping[str, Any], required: bool) -> Iterator[LiveInput]:
            yield LiveInput(key, self.slot.get_io_type(), self.slot.as_dict(), required)
            if key in live:
                yield from unfold(self.inputs, live, prefix=f"{key}.", required=True)

        def gather(self, key: str, values: Mapping[str, Any], leaf: Leaf) -> Any:
            if key not in values:
                return ABSENT
            return {self.id: leaf(key, values[key])} | gather(self.inputs, values, leaf, f"{key}.")


@comfytype(io_type="COMFY_DYNAMICGROUP_V3")
class DynamicGroup(ComfyTypeI):
    """Rows of the same inputs, keys `<id>.<row>.<input id>`. Gives a list of dicts."""

    Type = list

    class Input(DynamicInput):
        """At least `min` and at most `max` rows of `inputs`."""

        def __init__(
            self, id: str, inputs: list[SocketInput], min: int = 0, max: int = MAX_ROWS,
            display_name: str | None = None, optional: bool = False, tooltip: str | None = None,
            extra_dict: dict[str, Any] | None = None,
        ) -> None:  # fmt: skip
            super().__init__(id, display_name, optional, tooltip, None, extra_dict)
            self.inputs, self.min, self.max = inputs, min, max

        def as_dict(self) -> dict[str, Any]:
            template = {"inputs": _section(self.inputs), "min": self.min, "max": self.max}
            return super().as_dict() | {"template": template}

        def get_all(self) -> list[SocketInput]:
            return [self, *(found for entry in self.inputs for found in entry.get_all())]

        def problems(self) -> list[str]:
            found = super().problems() + [text for entry in self.inputs for text in entry.problems()]
            if not 0 <= self.min <= self.max <= MAX_ROWS:
                found.append(f"rows {self.min}..{self.max} do not fit 0 <= min <= max <= {MAX_ROWS}")
            return found

        def _num_rows(self, key: str, given: Mapping[str, Any]) -> int:
            used = [
                row + 1 for row in range(self.max) if any(_is_at_or_below(k, f"{key}.{row}") for k in given)
            ]
            return max([self.min, *used])

        def unfold(self, key: str, live: Mapping[str, Any], required: bool) -> Iterator[LiveInput]:
            for row in range(self._num_rows(key, live)):
                yield from unfold(self.inputs, live, prefix=f"{key}.{row}.", required=required)

        def gather(self, key: str, values: Mapping[str, Any], leaf: Leaf) -> Any:
            return [
                gather(self.inputs, values, leaf, f"{key}.{row}.")
                for row in range(self._num_rows(key, values))
            ]
