"""`VideoFromStream`: a VIDEO whose frames come while somebody writes them; the engine's chains carry it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from comfy_api.errors import MediaError
from comfy_api.media import video_encode
from comfy_api.media.values import AudioInput
from comfy_api.media.video import VideoCodec, VideoComponents, VideoContainer
from comfy_api.media.video_input import VideoInput
from comfy_api.streams import ImageStreamInput

if TYPE_CHECKING:
    from torch import Tensor


class VideoFromStream(VideoInput):
    """Frames of a stream at an exact rate, with sound that is there as a whole.

    Every answer that needs frames drains the stream; inside the engine that is done once, by a sink.
    """

    def __init__(
        self, stream: ImageStreamInput, frame_rate: Fraction, audio: AudioInput | None = None
    ) -> None:
        self.stream, self._frame_rate, self._audio = stream, frame_rate, audio

    def held_streams(self) -> Sequence[ImageStreamInput]:
        """The stream inside, for the engine."""
        return (self.stream,)

    def with_streams(self, streams: Sequence[ImageStreamInput]) -> VideoFromStream:
        """The same video over another stream of the same frames."""
        return VideoFromStream(streams[0], self._frame_rate, self._audio)

    def get_audio(self) -> AudioInput | None:
        return self._audio

    def get_frame_rate(self) -> Fraction:
        return self._frame_rate

    def get_dimensions(self) -> tuple[int, int]:
        """As the stream says; a stream that does not know is drained."""
        return self.stream.get_dimensions() or super().get_dimensions()

    def get_frame_count(self) -> int:
        """As the stream says; a stream that does not know is drained."""
        known = self.stream.frame_count
        return sum(len(chunk) for chunk in self.iter_frames(16)) if known is None else known

    def iter_frames(self, max_frames: int) -> Iterator[Tensor]:
        self.stream.reset()
        yield from self.stream.chunks(max_frames)

    def get_components(self) -> VideoComponents:
        """All frames as a batch. Raises: MediaError where there are none."""

        import torch

        chunks = list(self.iter_frames(16))
        if not chunks:
            raise MediaError("has no frame", source="images")
        return VideoComponents(images=torch.cat(chunks), frame_rate=self._frame_rate, audio=self._audio)

    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
        bit_depth: int | None = None,
    ) -> None:
        """Encodes while it drains the stream. Raises: as `VideoFromComponents.save_to`."""
        video_encode.encode(self, path, str(format), str(codec), metadata, bit_depth)
