"""Where the choices of a combo come from: enums, upload kinds, folders, remote lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Literal

from comfy_api.schema.sockets import without_none


class UploadType(StrEnum):
    """Which files a combo lets the client upload; the value is the option's key."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class FolderType(StrEnum):
    """A folder of files that clients can see."""

    input = "input"
    output = "output"
    temp = "temp"


@dataclass
class RemoteOptions:
    """A combo whose choices the client fetches from `route`.

    `timeout` and `refresh` are milliseconds.
    """

    route: str
    refresh_button: bool
    control_after_refresh: Literal["first", "last"] = "first"
    timeout: int | None = None
    max_retries: int | None = None
    refresh: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """As clients read it; what was not given is left out."""
        return without_none(dict(vars(self)))


@dataclass
class RemoteItemSchema:
    """How one item of a remote answer becomes a choice: paths into the item."""

    value_field: str
    label_field: str
    preview_url_field: str | None = None
    preview_type: Literal["image", "video", "audio"] | None = None
    description_field: str | None = None
    search_fields: list[str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As clients read it; what was not given is left out."""
        return without_none(dict(vars(self)))


@dataclass
class RemoteComboOptions:
    """A combo of rich items that the client fetches; its values are not checked against a list here.

    `timeout` and `refresh` are milliseconds.
    """

    route: str
    item_schema: RemoteItemSchema
    refresh_button: bool = True
    auto_select: Literal["first", "last"] | None = None
    timeout: int | None = None
    max_retries: int | None = None
    refresh: int | None = None
    use_comfy_api: bool | None = None
    response_key: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As clients read it; what was not given is left out."""
        plain = {key: value for key, value in vars(self).items() if key not in ("item_schema", "extra")}
        return without_none(plain) | {"item_schema": self.item_schema.as_dict()} | self.extra


def choice_values(options: list[Any] | type[Enum] | None) -> list[Any] | None:
    """The plain values of a list (kept as the very object, so that later additions show) or an Enum class."""
    if isinstance(options, type) and issubclass(options, Enum):
        return [member.value for member in options]
    if options is not None and any(isinstance(option, Enum) for option in options):
        return [option.value if isinstance(option, Enum) else option for option in options]
    return options
