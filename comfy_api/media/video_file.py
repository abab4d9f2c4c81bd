"""`VideoFromFile`: a video that stays in its file until somebody asks for its frames."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from comfy_api.errors import MediaError
from comfy_api.media import video_encode, video_reader
from comfy_api.media.values import AudioInput
from comfy_api.media.video import VideoCodec, VideoComponents, VideoContainer
from comfy_api.media.video_input import VideoInput
from comfy_api.media.video_reader import FrameReader, VideoFacts

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 32
"""Frames decoded at a time when all are wanted."""


class VideoFromFile(VideoInput):
    """A video file or a buffer with one, whole or a span of it.

    `start_time` and `duration` are seconds, 0 for the start and for everything. Nothing is read until asked for.
    """

    def __init__(self, file: str | io.BytesIO, start_time: float = 0.0, duration: float = 0.0) -> None:
        self._source = file
        self._start_s, self._duration_s = Fraction(start_time), Fraction(duration)
        self._known: VideoFacts | None = None

    @property
    def facts(self) -> VideoFacts:
        """What the file says of itself. Raises: MediaError."""
        if self._known is None:
            self._known = video_reader.read_facts(self._source)
        return self._known

    def open_frames(self, *, step: int = 1, max_frames: int | None = None) -> FrameReader:
        """A reader of the span's frames; close it."""
        return FrameReader(
            self._source,
            start_s=self._start_s,
            duration_s=self._duration_s or None,
            step=step,
            max_frames=max_frames,
        )

    def planned_frames(self, *, step: int = 1, max_frames: int | None = None) -> int | None:
        """How many frames `open_frames` will give, None where the file does not say."""
        return video_reader.planned_frames(
            self.facts, self._start_s, self._duration_s or None, step, max_frames
        )

    def get_audio(self) -> AudioInput | None:
        """The span's sound, or None. Raises: MediaError."""
        if self.facts.audio_codec is None:
            return None
        return video_reader.read_sound(self._source, self._start_s, self._duration_s or None)

    def get_components(self) -> VideoComponents:
        """All frames as one batch. Raises: MediaError."""

        import torch

        chunks = list(self.iter_frames(_CHUNK))
        if not chunks:
            raise MediaError("has no frame in the span asked for", source=self._name())
        return VideoComponents(
            images=torch.cat(chunks), frame_rate=self.facts.frame_rate, audio=self.get_audio()
        )

    def iter_frames(self, max_frames: int) -> Iterator[Tensor]:
        reader = self.open_frames()
        try:
            while len(images := reader.read(max_frames)):
                yield images
        finally:
            reader.close()

    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
        bit_depth: int | None = None,
    ) -> None:
        """Copies the compressed tracks where container and codec allow it, and encodes again otherwise."""
        whole = not self._start_s and not self._duration_s and bit_depth in (None, self.facts.bit_depth)
        if whole and video_encode.can_copy(self.facts, str(format), str(codec)):
            video_encode.copy_tracks(self._source, path, metadata)
            return
        video_encode.encode(self, path, str(format), str(codec), metadata, bit_depth)

    def get_stream_source(self) -> str | io.BytesIO:
        """The file itself, or a new video in a buffer when this is only a span of it."""
        if self._start_s or self._duration_s:
            return super().get_stream_source()
        if isinstance(self._source, io.BytesIO):
            self._source.seek(0)
        return self._source

    def get_dimensions(self) -> tuple[int, int]:
        return self.facts.width, self.facts.height

    def get_frame_rate(self) -> Fraction:
        return self.facts.frame_rate

    def get_frame_count(self) -> int:
        """Frames of the span; they are decoded where the file does not say how many it has."""
        planned = self.planned_frames()
        return planned if planned is not None else sum(len(chunk) for chunk in self.iter_frames(_CHUNK))

    def get_duration(self) -> float:
        """Seconds of the span."""
        known = self.facts.duration_s
        if known is None:
            return super().get_duration()
        left = max(Fraction(0), known - self._start_s)
        return float(min(left, self._duration_s) if self._duration_s else left)

    def get_container_format(self) -> str:
        """The container's names, as the reader knows them ("mov,mp4,...")."""
        return self.facts.container_format

    def get_bit_depth(self) -> int:
        """Bits per channel."""
        return self.facts.bit_depth

    def get_active_trim_window(self) -> tuple[float, float]:
        """(start, duration) in seconds; duration 0 is "to the end"."""
        return float(self._start_s), float(self._duration_s)

    def as_trimmed(
        self, start_time: float = 0.0, duration: float = 0.0, strict_duration: bool = False
    ) -> VideoInput | None:
        """A span of this span, or None where it has no frame, or less than `duration` under `strict_duration`."""
        left = self.get_duration() - max(0.0, start_time)
        if left <= 0 or (strict_duration and duration > left + 1e-6):
            return None
        span = min(duration, left) if duration > 0 else (left if self._duration_s else 0.0)
        return VideoFromFile(self._source, float(self._start_s) + max(0.0, start_time), span)

    def _name(self) -> str:
        return self._source if isinstance(self._source, str) else "buffer"
