"""`VideoInput`: what every VIDEO value can do, whatever is behind it; `VideoFromComponents` is it over tensors.

Both stand here because spans and crops of any video are made of tensors.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from comfy_api.media import video_encode
from comfy_api.media.values import AudioInput
from comfy_api.media.video import VideoCodec, VideoComponents, VideoContainer
from comfy_api.media.video_formats import exact_rate
from comfy_api.media.video_spans import cropped, trimmed
from comfy_api.media.video_writer import VideoWriter

if TYPE_CHECKING:
    from torch import Tensor


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
        bit_depth: int | None = None,
    ) -> None:
        """Writes a file, or into a buffer, with `metadata` as JSON texts in the container.

        `bit_depth` asks for 8 or 10 bits per channel; None leaves it to the codec.
        """

    def get_audio(self) -> AudioInput | None:
        """The sound, or None."""
        return self.get_components().audio

    def iter_frames(self, max_frames: int) -> Iterator[Tensor]:
        """The frames as chunks (1..max_frames,H,W,C) float32 0..1, in order."""
        images = self.get_components().images
        for start in range(0, len(images), max_frames):
            yield images[start : start + max_frames]

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
        return float(self.get_frame_count() / self.get_frame_rate())

    def get_container_format(self) -> str:
        """What `get_stream_source` holds."""
        return VideoContainer.MP4.value

    def get_bit_depth(self) -> int:
        """Bits per channel."""
        return 8

    def get_active_trim_window(self) -> tuple[float, float]:
        """(start, duration) in seconds of the span of a longer video that this is; (0, 0) for all of it."""
        return 0.0, 0.0

    def as_trimmed(
        self, start_time: float = 0.0, duration: float = 0.0, strict_duration: bool = False
    ) -> VideoInput | None:
        """A span of the video, or None where it has no frame, or less than `duration` under `strict_duration`.

        `duration` 0 is "to the end".
        """
        span = trimmed(self.get_components(), start_time, duration, strict_duration)
        return None if span is None else VideoFromComponents(span)

    def as_cropped(self, x: int, y: int, w: int, h: int) -> VideoInput:
        """A rectangle of every frame, cut at the frame's sides."""
        return VideoFromComponents(cropped(self.get_components(), x, y, w, h))


class VideoFromComponents(VideoInput):
    """A video made of tensors."""

    def __init__(self, components: VideoComponents) -> None:
        self._components = components
        self._writers: dict[int, VideoWriter] = {}

    def get_components(self) -> VideoComponents:
        """The components this was made of; they are shared, not copied."""
        return self._components

    def get_frame_rate(self) -> Fraction:
        return exact_rate(self._components.frame_rate)

    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
        bit_depth: int | None = None,
    ) -> None:
        """Encodes. Raises: MediaError naming fps, format, codec, audio or images; OSError of the file."""
        video_encode.encode(self, path, str(format), str(codec), metadata, bit_depth)

    def save_start(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
    ) -> tuple[Any, Any, Any, int, Fraction]:
        """Begins a file for frames that come later, of this video's size, rate and sound; see `save_add`.

        Gives the state that the other two steps take: container, picture track, sound track or None, sample rate
        (0 without sound) and frame rate. A state that is never finalised leaves an unfinished file.
        """
        audio, rate = self._components.audio, self.get_frame_rate()
        writer = VideoWriter(path, rate, format=str(format), codec=str(codec), audio=audio, metadata=metadata)
        _, height, width, channels = self._components.images.shape
        tracks = writer.begin(height, width, channels)
        self._writers[id(tracks[0])] = writer
        return *tracks, int(audio["sample_rate"]) if audio is not None else 0, rate

    def save_add(self, container: Any, video_stream: Any, images: Tensor) -> None:
        """Encodes a chunk (n,H,W,C). On an error the file is closed; removing it is the caller's."""
        writer = self._writers[id(container)]
        try:
            writer.write(images)
        except BaseException:
            del self._writers[id(container)]
            writer.abort()
            raise

    def save_finalize(
        self, container: Any, video_stream: Any, audio_stream: Any, audio_rate: int, frame_rate: Fraction
    ) -> None:
        """Flushes encoders and closes the file."""
        with self._writers.pop(id(container)) as writer:
            writer.finish()
