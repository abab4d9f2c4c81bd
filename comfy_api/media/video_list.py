"""`VideoFromList`: several videos as one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from comfy_api.errors import MediaError
from comfy_api.media.video import VideoCodec, VideoComponents, VideoContainer
from comfy_api.media.video_input import VideoFromComponents, VideoInput
from comfy_api.media.video_spans import joined_audio


class VideoFromList(VideoInput):
    """Videos one after another, as one; the first one says size and rate.

    Source: inferred from its name in the inventory of 2026; sound is joined where all parts have it alike.
    """

    def __init__(self, videos: Sequence[VideoInput]) -> None:
        if not videos:
            raise MediaError("needs at least one video", source="videos")
        self._videos = list(videos)

    def get_components(self) -> VideoComponents:
        import torch

        parts = [video.get_components() for video in self._videos]
        first = parts[0]
        for index, part in enumerate(parts):
            if part.images.shape[1:] != first.images.shape[1:]:
                raise MediaError(
                    f"video {index} has frames {tuple(part.images.shape[1:])}, the first one "
                    f"{tuple(first.images.shape[1:])}",
                    source="videos",
                )
        images = torch.cat([part.images for part in parts])
        return VideoComponents(images=images, frame_rate=first.frame_rate, audio=joined_audio(parts))

    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
        bit_depth: int | None = None,
    ) -> None:
        """Encodes all parts into one file. Raises: as `VideoFromComponents.save_to`."""
        VideoFromComponents(self.get_components()).save_to(path, format, codec, metadata, bit_depth)
