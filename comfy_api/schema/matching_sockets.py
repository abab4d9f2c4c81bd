"""Sockets of more than one type: unions (`MultiType`) and types that follow each other (`MatchType`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comfy_api.errors import SchemaError
from comfy_api.schema.sockets import (
    ANY_TYPE,
    ComfyType,
    ComfyTypeI,
    ComfyTypeIO,
    SocketInput,
    SocketOutput,
    comfytype,
)
from comfy_api.schema.widgets import WidgetInput

TypeList = Sequence[type[ComfyType] | ComfyType]


def joined_types(types: TypeList) -> str:
    """The union as clients write it: "IMAGE,MASK", each name once, in order."""
    return ",".join(dict.fromkeys(kind.io_type for kind in types))


@comfytype(io_type="COMFY_MULTITYPED_V3")
class MultiType(ComfyTypeI):
    """A value of any of several types; on the wire a comma-joined type string."""

    class Input(SocketInput):
        """Takes a link of any of `types`. With a widget input as `id`, that widget's type is taken too."""

        def __init__(
            self, id: str | SocketInput, types: TypeList, display_name: str | None = None,
            optional: bool = False, tooltip: str | None = None, lazy: bool | None = None,
            extra_dict: dict[str, Any] | None = None, raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:  # fmt: skip
            self.widget: SocketInput | None = None
            if isinstance(id, SocketInput):
                self.widget = id
                display_name = display_name if display_name is not None else id.display_name
                optional = optional or id.optional
                tooltip = tooltip if tooltip is not None else id.tooltip
                lazy = lazy if lazy is not None else id.lazy
                id = id.id
            super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
            self.types = list(types)

        def get_io_type(self) -> str:
            own = [self.widget.get_io_type()] if self.widget is not None else []
            return ",".join(dict.fromkeys([*own, *joined_types(self.types).split(",")]))

        def as_dict(self) -> dict[str, Any]:
            if self.widget is None:
                return super().as_dict()
            named = {"widgetType": self.widget.get_io_type()} if isinstance(self.widget, WidgetInput) else {}
            return self.widget.as_dict() | named | super().as_dict()


@comfytype(io_type="COMFY_MATCHTYPE_V3")
class MatchType(ComfyTypeIO):
    """Sockets that share one type, whichever the first link brings."""

    class Template:
        """Names the group of sockets and what it may become."""

        def __init__(
            self, template_id: str, allowed_types: type[ComfyType] | ComfyType | TypeList | None = None
        ) -> None:
            self.template_id = template_id
            if allowed_types is None:
                self.allowed_types: list[type[ComfyType] | ComfyType] = []
            elif isinstance(allowed_types, Sequence):
                self.allowed_types = list(allowed_types)
            else:
                self.allowed_types = [allowed_types]

        def as_dict(self) -> dict[str, Any]:
            """As clients read it; no types means any."""
            allowed = joined_types(self.allowed_types) if self.allowed_types else ANY_TYPE
            return {"template_id": self.template_id, "allowed_types": allowed}

    class Input(SocketInput):
        """An input of the group."""

        def __init__(
            self, id: str, template: MatchType.Template, display_name: str | None = None,
            optional: bool = False, tooltip: str | None = None, lazy: bool | None = None,
            extra_dict: dict[str, Any] | None = None, raw_link: bool | None = None,
            advanced: bool | None = None,
        ) -> None:  # fmt: skip
            super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"template": self.template.as_dict()}

    class Output(SocketOutput):
        """An output of the group."""

        def __init__(
            self, id: str | MatchType.Template | None = None, template: MatchType.Template | None = None,
            display_name: str | None = None, tooltip: str | None = None, is_output_list: bool = False,
        ) -> None:  # fmt: skip
            if isinstance(id, MatchType.Template):  # the order of 2026: template first
                id, template = (template if isinstance(template, str) else None), id
            super().__init__(id, display_name, tooltip, is_output_list)
            if template is None:
                raise SchemaError("MatchType.Output needs a template", field=f"output {id!r}")
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return super().as_dict() | {"template": self.template.as_dict()}
