"""`VideoInput`: what every VIDEO value can do, whatever is behind it. Subclasses bring frames and a writer."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any

from comfy_api.media.video import VideoCodec, VideoComponents, VideoContainer


class VideoInput(ABC):
    """A video. The derived answers read all frames; a subclass that knows better overrides them."""

    @abstractmethod
    def get_components(self) -> VideoComponents:
        """All frames, the frame rate and the sound."""

    @abstractmethod
    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Writes a file, or into a buffer, with `metadata` as JSON texts in the container."""

    def get_stream_source(self) -> str | io.BytesIO:
        """A path or a buffer at its start that a reader of video files can open."""
        buffer = io.BytesIO()
        self.save_to(buffer)
        buffer.seek(0)
        return buffer

    def get_dimensions(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        images = self.get_components().images
        return int(images.shape[2]), int(images.shape[1])

    def get_frame_count(self) -> int:
        """Number of frames."""
        return int(self.get_components().images.shape[0])

    def get_frame_rate(self) -> Fraction:
        """Frames per second, exact."""
        return Fraction(self.get_components().frame_rate)

    def get_duration(self) -> float:
        """Length in seconds."""
        components = self.get_components()
        return float(components.images.shape[0] / Fraction(components.frame_rate))
