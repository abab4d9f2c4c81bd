"""Numbers: `Int` and `Float`, with ranges, displays and seeds."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from comfy_api.schema.sockets import ComfyTypeIO, comfytype
from comfy_api.schema.widgets import WidgetInput, plain_value


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
        return {
            "min": self.min,
            "max": self.max,
            "step": self.step,
            "display": plain_value(self.display_mode),
        }

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
            return super().own_options() | {
                "control_after_generate": plain_value(self.control_after_generate)
            }


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
