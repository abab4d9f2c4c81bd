"""A video in memory, and the names of its containers and codecs. Reading and writing files is not here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from comfy_api.media.values import AudioInput

if TYPE_CHECKING:
    from torch import Tensor


class VideoCodec(StrEnum):
    """How frames are compressed; `auto` takes the container's usual one."""

    AUTO = "auto"
    H264 = "h264"

    @classmethod
    def as_input(cls) -> list[str]:
        """The choices of a codec combo."""
        return [member.value for member in cls]


class VideoContainer(StrEnum):
    """The file format; `auto` is mp4."""

    AUTO = "auto"
    MP4 = "mp4"

    @classmethod
    def as_input(cls) -> list[str]:
        """The choices of a format combo."""
        return [member.value for member in cls]

    @classmethod
    def get_extension(cls, value: VideoContainer | str) -> str:
        """File extension without a dot. Raises: ValueError for an unknown container."""
        member = cls(value)
        return cls.MP4.value if member is cls.AUTO else member.value


@dataclass
class VideoComponents:
    """Frames (t,h,w,c) float32 0..1 at an exact frame rate, with optional sound, metadata and alpha (t,h,w)."""

    images: Tensor
    frame_rate: Fraction
    audio: AudioInput | None = None
    metadata: dict[str, Any] | None = None
    alpha: Tensor | None = None
