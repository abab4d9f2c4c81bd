"""Socket types that show a widget: the base, switches, text, colours, shapes. Also `numbers` and `combos`."""

from __future__ import annotations

from enum import Enum
from typing import Any

from comfy_api.schema.sockets import ComfyTypeIO, SocketInput, comfytype, without_none


def plain_value(value: Any) -> Any:
    """An Enum member's value; anything else as it is."""
    return value.value if isinstance(value, Enum) else value


class WidgetInput(SocketInput):
    """An input that has a widget while it is not linked.

    `socketless` hides the socket, `force_input` hides the widget, `widget_type` names another widget.
    """

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: Any = None,
        socketless: bool | None = None,
        widget_type: str | None = None,
        force_input: bool | None = None,
        extra_dict: dict[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
        self.default = default
        self.socketless = socketless
        self.widget_type = widget_type
        self.force_input = force_input

    def own_options(self) -> dict[str, Any]:
        """Options of this kind of widget; None values are dropped by the caller."""
        return {}

    def as_dict(self) -> dict[str, Any]:
        """As `SocketInput.as_dict`, with the widget's options."""
        widget = {
            "default": plain_value(self.default),
            "socketless": self.socketless,
            "widgetType": self.widget_type,
            "forceInput": self.force_input,
        }
        own = without_none(self.own_options())
        return super().as_dict() | without_none(widget) | own | without_none(self.extra_dict)


@comfytype(io_type="BOOLEAN")
class Boolean(ComfyTypeIO):
    """A switch; bool."""

    Type = bool

    class Input(WidgetInput):
        """A switch with two labels."""

        def __init__(
            self, id: str, display_name: str | None = None, optional: bool = False,
            tooltip: str | None = None, lazy: bool | None = None, default: bool | None = None,
            label_on: str | None = None, label_off: str | None = None, socketless: bool | None = None,
            force_input: bool | None = None, extra_dict: dict[str, Any] | None = None,
            raw_link: bool | None = None, advanced: bool | None = None,
        ) -> None:  # fmt: skip
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, socketless, None, force_input,
                extra_dict, raw_link, advanced,
            )  # fmt: skip
            self.label_on, self.label_off = label_on, label_off

        def own_options(self) -> dict[str, Any]:
            return {"label_on": self.label_on, "label_off": self.label_off}


@comfytype(io_type="STRING")
class String(ComfyTypeIO):
    """Text; str."""

    Type = str

    class Input(WidgetInput):
        """A line or, with `multiline`, a box of text; `dynamic_prompts` lets the client expand {a|b}."""

        def __init__(
            self, id: str, display_name: str | None = None, optional: bool = False,
            tooltip: str | None = None, lazy: bool | None = None, multiline: bool = False,
            placeholder: str | None = None, default: str | None = None,
            dynamic_prompts: bool | None = None, socketless: bool | None = None,
            force_input: bool | None = None, extra_dict: dict[str, Any] | None = None,
            raw_link: bool | None = None, advanced: bool | None = None,
        ) -> None:  # fmt: skip
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, socketless, None, force_input,
                extra_dict, raw_link, advanced,
            )  # fmt: skip
            self.multiline, self.placeholder, self.dynamic_prompts = multiline, placeholder, dynamic_prompts

        def own_options(self) -> dict[str, Any]:
            return {
                "multiline": self.multiline,
                "placeholder": self.placeholder,
                "dynamicPrompts": self.dynamic_prompts,
            }


@comfytype(io_type="WEBCAM")
class Webcam(ComfyTypeIO):
    """A picture taken by the client's camera; the name of the uploaded file."""

    Type = str
    Input = WidgetInput


@comfytype(io_type="COLOR")
class Color(ComfyTypeIO):
    """A colour as "#rrggbb"; str."""

    Type = str
    Input = WidgetInput


@comfytype(io_type="COLORS")
class Colors(ComfyTypeIO):
    """Several colours as "#rrggbb"; list of str."""

    Type = list
    Input = WidgetInput


@comfytype(io_type="CURVE")
class Curve(ComfyTypeIO):
    """A curve through control points in 0..1, as the client's curve widget gives it."""

    Input = WidgetInput


@comfytype(io_type="RANGE")
class Range(ComfyTypeIO):
    """A low and a high end, as the client's range widget gives them."""

    Input = WidgetInput


@comfytype(io_type="BOUNDING_BOX")
class BoundingBox(ComfyTypeIO):
    """A rectangle {"x", "y", "width", "height"} in pixels; dict of int."""

    Type = dict
    Input = WidgetInput


@comfytype(io_type="BOUNDING_BOXES")
class BoundingBoxes(ComfyTypeIO):
    """Several rectangles; list of dicts as in `BoundingBox`."""

    Type = list
    Input = WidgetInput
