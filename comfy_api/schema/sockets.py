"""Socket types: a class per type, with an `Input` and an `Output` class inside.

    @comfytype(io_type="HEIGHT_FIELD")
    class HeightField(ComfyTypeIO):
        "(H,W) float32, metres."

`HeightField.Input("field")` and `HeightField.Output()` then carry `io_type` "HEIGHT_FIELD". A one-off type is
`Custom("HEIGHT_FIELD")`. Types with a widget are in `widgets`, plain ones in `values_*`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

ANY_TYPE = "*"
"""Type string that fits every socket."""


def without_none(options: dict[str, Any]) -> dict[str, Any]:
    """The entries that were given: clients read a missing key, never a null."""
    return {key: value for key, value in options.items() if value is not None}


class SocketInput:
    """One declared input. The id is the argument name of `execute`.

    `optional` inputs are not passed when the prompt lacks them; `lazy` ones are computed only when
    `check_lazy_status` asks; with `raw_link` the node gets `[node id, slot]` instead of the value;
    `extra_dict` is added to the options that clients see.
    """

    Parent: ClassVar[type[ComfyType]]

    def __init__(
        self,
        id: str,  # contract: authors pass id=
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: dict[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.lazy = lazy
        self.extra_dict = dict(extra_dict) if extra_dict is not None else {}
        self.rawLink = raw_link
        self.advanced = advanced

    @property
    def io_type(self) -> str:
        """Type string of the socket."""
        return self.get_io_type()

    def get_io_type(self) -> str:
        """Type string of the socket."""
        return self.Parent.io_type

    def as_dict(self) -> dict[str, Any]:
        """The options as clients see them; what was not given is left out."""
        common = {
            "display_name": self.display_name,
            "tooltip": self.tooltip,
            "lazy": self.lazy,
            "rawLink": self.rawLink,
            "advanced": self.advanced,
        }
        return without_none(common) | without_none(self.extra_dict)

    def get_all(self) -> list[SocketInput]:
        """This input and, for dynamic ones, the inputs declared inside of it."""
        return [self]

    def problems(self) -> list[str]:
        """What is wrong with the declaration itself, in words; empty when nothing is."""
        return [] if self.id and isinstance(self.id, str) else ["an input needs a non-empty id"]


class SocketOutput:
    """One declared output slot. Without an id it gets `_<index>_<type>_`."""

    Parent: ClassVar[type[ComfyType]]

    def __init__(
        self,
        id: str | None = None,  # contract: authors pass id=
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list

    @property
    def io_type(self) -> str | list[Any]:
        """Type string of the slot."""
        return self.get_io_type()

    def get_io_type(self) -> str | list[Any]:
        """Type string of the slot; a list of choices for combos that name them."""
        return self.Parent.io_type

    def as_dict(self) -> dict[str, Any]:
        """The slot's description; what was not given is left out."""
        return without_none(
            {
                "display_name": self.display_name,
                "tooltip": self.tooltip,
                "is_output_list": self.is_output_list,
            }
        )


class ComfyType:
    """Base of all socket types. `Type` is what authors may name in annotations of `execute`."""

    io_type: ClassVar[str] = ANY_TYPE
    Type: ClassVar[Any] = Any


class ComfyTypeI(ComfyType):
    """A type that exists as an input only."""

    Input: ClassVar[type[Any]] = SocketInput


class ComfyTypeIO(ComfyTypeI):
    """A type with inputs and outputs."""

    Output: ClassVar[type[Any]] = SocketOutput


T = TypeVar("T", bound=type[ComfyType])


def comfytype(io_type: str) -> Callable[[T], T]:
    """Class decorator: names the type and gives it `Input` and `Output` classes of its own."""

    def name_it(cls: T) -> T:
        cls.io_type = io_type
        for slot in ("Input", "Output"):
            found: Any = getattr(cls, slot, None)
            if found is None:
                continue
            own_name = f"{cls.__qualname__}.{slot}"
            if found.__qualname__ != own_name:  # inherited, or a shared class named in the body
                found = type(slot, (found,), {"__module__": cls.__module__, "__qualname__": own_name})
                setattr(cls, slot, found)
            found.Parent = cls
        return cls

    return name_it


def Custom(io_type: str) -> type[ComfyTypeIO]:
    """A plain socket type of any name: `Custom("HEIGHT_FIELD").Input("field")`."""
    made = type("CustomType", (ComfyTypeIO,), {"__module__": __name__, "__doc__": f"Socket type {io_type}."})
    return comfytype(io_type=io_type)(made)
