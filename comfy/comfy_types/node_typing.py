"""Words for V1 node classes: type strings, shapes of INPUT_TYPES, base classes. No behaviour of the server.

Also importable under this module's own name, which packs use.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal, TypedDict


class IO(StrEnum):
    """Socket types. Compared with `!=`, ANY fits everything and unions fit when one holds the other."""

    STRING = "STRING"
    IMAGE = "IMAGE"
    IMAGE_STREAM = "IMAGE_STREAM"
    MASK = "MASK"
    LATENT = "LATENT"
    LATENT_STREAM = "LATENT_STREAM"
    BOOLEAN = "BOOLEAN"
    INT = "INT"
    FLOAT = "FLOAT"
    COMBO = "COMBO"
    CONDITIONING = "CONDITIONING"
    SAMPLER = "SAMPLER"
    SIGMAS = "SIGMAS"
    GUIDER = "GUIDER"
    NOISE = "NOISE"
    CLIP = "CLIP"
    CONTROL_NET = "CONTROL_NET"
    VAE = "VAE"
    MODEL = "MODEL"
    LORA_MODEL = "LORA_MODEL"
    LOSS_MAP = "LOSS_MAP"
    CLIP_VISION = "CLIP_VISION"
    CLIP_VISION_OUTPUT = "CLIP_VISION_OUTPUT"
    STYLE_MODEL = "STYLE_MODEL"
    GLIGEN = "GLIGEN"
    UPSCALE_MODEL = "UPSCALE_MODEL"
    AUDIO = "AUDIO"
    WEBCAM = "WEBCAM"
    POINT = "POINT"
    FACE_ANALYSIS = "FACE_ANALYSIS"
    BBOX = "BBOX"
    SEGS = "SEGS"
    VIDEO = "VIDEO"
    ANY = "*"
    NUMBER = "FLOAT,INT"
    PRIMITIVE = "STRING,FLOAT,INT,BOOLEAN"

    def __ne__(self, other: object) -> bool:
        if self.value == "*" or other == "*":
            return False
        if not isinstance(other, str):
            return True
        mine, theirs = set(self.value.split(",")), set(str.__str__(other).split(","))
        return not (mine <= theirs or theirs <= mine)

    __hash__ = StrEnum.__hash__


class InputTypeOptions(TypedDict, total=False):
    """The second entry of an input's declaration."""

    default: Any
    defaultInput: bool
    forceInput: bool
    lazy: bool
    rawLink: bool
    tooltip: str
    socketless: bool
    widgetType: str
    min: float
    max: float
    step: float
    round: float | bool
    display: Literal["number", "slider"]
    control_after_generate: bool
    label_on: str
    label_off: str
    multiline: bool
    placeholder: str
    dynamicPrompts: bool
    image_upload: bool
    image_folder: Literal["input", "output", "temp"]
    remote: dict[str, Any]
    options: list[Any]
    multiselect: bool


class HiddenInputTypeDict(TypedDict, total=False):
    """The `hidden` section of INPUT_TYPES."""

    node_id: Literal["UNIQUE_ID"]
    unique_id: Literal["UNIQUE_ID"]
    prompt: Literal["PROMPT"]
    extra_pnginfo: Literal["EXTRA_PNGINFO"]
    dynprompt: Literal["DYNPROMPT"]


class InputTypeDict(TypedDict, total=False):
    """What INPUT_TYPES returns."""

    required: dict[str, tuple[Any, InputTypeOptions]]
    optional: dict[str, tuple[Any, InputTypeOptions]]
    hidden: HiddenInputTypeDict


class FileLocator(TypedDict):
    """A file as `ui` entries name it."""

    filename: str
    subfolder: str
    type: Literal["input", "output", "temp"]


class ComfyNodeABC:
    """Optional base of V1 classes: names the attributes that the server reads, sets none of them."""

    DESCRIPTION: ClassVar[str]
    CATEGORY: ClassVar[str]
    EXPERIMENTAL: ClassVar[bool]
    DEPRECATED: ClassVar[bool]
    API_NODE: ClassVar[bool | None]
    OUTPUT_NODE: ClassVar[bool]
    INPUT_IS_LIST: ClassVar[bool]
    OUTPUT_IS_LIST: ClassVar[tuple[bool, ...]]
    RETURN_TYPES: ClassVar[tuple[Any, ...]]
    RETURN_NAMES: ClassVar[tuple[str, ...]]
    OUTPUT_TOOLTIPS: ClassVar[tuple[str, ...]]
    FUNCTION: ClassVar[str]

    @classmethod
    def INPUT_TYPES(cls) -> InputTypeDict:
        """No inputs; classes override this."""
        return {"required": {}}


class CheckLazyMixin:
    """A `check_lazy_status` that asks for every input that is not there yet."""

    def check_lazy_status(self, **kwargs: Any) -> list[str]:
        """Names whose value is still None."""
        return [name for name, value in kwargs.items() if value is None]
