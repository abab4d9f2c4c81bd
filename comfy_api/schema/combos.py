"""Choices: `Combo` (one of several) and `MultiCombo` (some of several)."""

from __future__ import annotations

from enum import Enum
from typing import Any

from comfy_api.schema.choices import FolderType, RemoteComboOptions, RemoteOptions, UploadType, choice_values
from comfy_api.schema.numbers import ControlAfterGenerate
from comfy_api.schema.sockets import ComfyTypeI, ComfyTypeIO, SocketOutput, comfytype
from comfy_api.schema.widgets import WidgetInput, plain_value


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
                "control_after_generate": plain_value(self.control_after_generate),
                **uploads,
                "image_folder": plain_value(self.image_folder),
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
