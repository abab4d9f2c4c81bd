"""Socket types that show a widget: numbers, text, switches, choices, colours."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any

from comfy_api.schema.choices import FolderType, RemoteComboOptions, RemoteOptions, UploadType, choice_values
from comfy_api.schema.sockets import (
    ComfyTypeI,
    ComfyTypeIO,
    SocketInput,
    SocketOutput,
    comfytype,
    without_none,
)


class NumberDisplay(StrEnum):
    """How a number is edited."""

    number = "number"
    slider = "slider"
    gradient_slider = "gradientslider"


class ControlAfterGenerate(StrEnum):
    """What the client does with a seed-like value after each run."""

    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


def _plain(value: Any) -> Any:
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
            "default": _plain(self.default),
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


class NumberInput(WidgetInput):
    """What integers and decimals share: a range, a step, a display."""

    min: float | None
    max: float | None

    def __init__(
        self, id: str, display_name: str | None = None, optional: bool = False,
        tooltip: str | None = None, lazy: bool | None = None, default: float | None = None,
        min: float | None = None, max: float | None = None, step: float | None = None,
        display_mode: NumberDisplay | None = None, socketless: bool | None = None,
        force_input: bool | None = None, extra_dict: dict[str, Any] | None = None,
        raw_link: bool | None = None, advanced: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            id, display_name, optional, tooltip, lazy, default, socketless, None, force_input,
            extra_dict, raw_link, advanced,
        )  # fmt: skip
        self.min, self.max, self.step, self.display_mode = min, max, step, display_mode

    def own_options(self) -> dict[str, Any]:
        return {"min": self.min, "max": self.max, "step": self.step, "display": _plain(self.display_mode)}

    def problems(self) -> list[str]:
        """Also: an empty range, a default outside of it."""
        found = super().problems()
        if self.min is not None and self.max is not None and self.min > self.max:
            found.append(f"min {self.min} is above max {self.max}")
        if self.default is not None:
            if self.min is not None and self.default < self.min:
                found.append(f"default {self.default} is below min {self.min}")
            if self.max is not None and self.default > self.max:
                found.append(f"default {self.default} is above max {self.max}")
        return found


@comfytype(io_type="INT")
class Int(ComfyTypeIO):
    """A whole number; int."""

    Type = int

    class Input(NumberInput):
        """A whole number; `control_after_generate` makes it a seed."""

        def __init__(
            self, id: str, display_name: str | None = None, optional: bool = False,
            tooltip: str | None = None, lazy: bool | None = None, default: int | None = None,
            min: int | None = None, max: int | None = None, step: int | None = None,
            control_after_generate: bool | ControlAfterGenerate | None = None,
            display_mode: NumberDisplay | None = None, socketless: bool | None = None,
            force_input: bool | None = None, extra_dict: dict[str, Any] | None = None,
            raw_link: bool | None = None, advanced: bool | None = None,
        ) -> None:  # fmt: skip
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, min, max, step, display_mode,
                socketless, force_input, extra_dict, raw_link, advanced,
            )  # fmt: skip
            self.control_after_generate = control_after_generate

        def own_options(self) -> dict[str, Any]:
            return super().own_options() | {"control_after_generate": _plain(self.control_after_generate)}


@comfytype(io_type="FLOAT")
class Float(ComfyTypeIO):
    """A decimal number; float."""

    Type = float

    class Input(NumberInput):
        """A decimal number; `round` is the client's grid, `gradient_stops` colours its slider."""

        def __init__(
            self, id: str, display_name: str | None = None, optional: bool = False,
            tooltip: str | None = None, lazy: bool | None = None, default: float | None = None,
            min: float | None = None, max: float | None = None, step: float | None = None,
            round: float | None = None, display_mode: NumberDisplay | None = None,
            gradient_stops: list[dict[str, Any]] | None = None, socketless: bool | None = None,
            force_input: bool | None = None, extra_dict: dict[str, Any] | None = None,
            raw_link: bool | None = None, advanced: bool | None = None,
        ) -> None:  # fmt: skip
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, min, max, step, display_mode,
                socketless, force_input, extra_dict, raw_link, advanced,
            )  # fmt: skip
            self.round, self.gradient_stops = round, gradient_stops

        def own_options(self) -> dict[str, Any]:
            return super().own_options() | {"round": self.round, "gradient_stops": self.gradient_stops}


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


@comfytype(io_type="COMBO")
class Combo(ComfyTypeIO):
    """One of several choices; str or int."""

    Type = str

    class Input(WidgetInput):
        """A list of choices: values, an Enum class, files (`upload`, `image_folder`) or a `remote` list."""

        def __init__(
            self, id: str, options: list[Any] | type[Enum] | None = None, display_name: str | None = None,
            optional: bool = False, tooltip: str | None = None, lazy: bool | None = None,
            default: str | int | Enum | None = None,
            control_after_generate: bool | ControlAfterGenerate | None = None,
            upload: UploadType | None = None, image_folder: FolderType | None = None,
            remote: RemoteOptions | None = None, remote_combo: RemoteComboOptions | None = None,
            socketless: bool | None = None, extra_dict: dict[str, Any] | None = None,
            raw_link: bool | None = None, advanced: bool | None = None,
        ) -> None:  # fmt: skip
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, socketless, None, None,
                extra_dict, raw_link, advanced,
            )  # fmt: skip
            self.multiselect = False
            self.options = choice_values(options)
            self.control_after_generate = control_after_generate
            self.upload, self.image_folder = upload, image_folder
            self.remote, self.remote_combo = remote, remote_combo

        def own_options(self) -> dict[str, Any]:
            uploads = {self.upload.value: True} if self.upload is not None else {}
            return {
                "multiselect": self.multiselect,
                "options": self.options,
                "control_after_generate": _plain(self.control_after_generate),
                **uploads,
                "image_folder": _plain(self.image_folder),
                "remote": self.remote.as_dict() if self.remote is not None else None,
                "remote_combo": self.remote_combo.as_dict() if self.remote_combo is not None else None,
            }

    class Output(SocketOutput):
        """A choice as an output; with `options` only combos of exactly these choices fit."""

        def __init__(
            self, id: str | None = None, display_name: str | None = None, options: list[Any] | None = None,
            tooltip: str | None = None, is_output_list: bool = False,
        ) -> None:  # fmt: skip
            super().__init__(id, display_name, tooltip, is_output_list)
            self.options = options if options is not None else []

        def get_io_type(self) -> str | list[Any]:
            return self.options or self.Parent.io_type


@comfytype(io_type="COMBO")
class MultiCombo(ComfyTypeI):
    """Any number of several choices; a list."""

    Type = list

    class Input(Combo.Input):
        """A list of choices of which several may be taken; `chip` shows them as chips."""

        def __init__(
            self, id: str, options: list[Any], display_name: str | None = None, optional: bool = False,
            tooltip: str | None = None, lazy: bool | None = None, default: list[Any] | None = None,
            placeholder: str | None = None, chip: bool | None = None,
            control_after_generate: bool | None = None, socketless: bool | None = None,
            extra_dict: dict[str, Any] | None = None, raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:  # fmt: skip
            super().__init__(
                id, options, display_name, optional, tooltip, lazy, None, control_after_generate,
                socketless=socketless, extra_dict=extra_dict, raw_link=raw_link, advanced=advanced,
            )  # fmt: skip
            self.multiselect = True
            self.default = default
            self.placeholder, self.chip = placeholder, chip

        def own_options(self) -> dict[str, Any]:
            return super().own_options() | {"placeholder": self.placeholder, "chip": self.chip}


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
