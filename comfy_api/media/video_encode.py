"""A VIDEO value into a file: encoded frame by frame, or its compressed tracks copied."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from comfy_api.errors import MediaError
from comfy_api.media.video_formats import AUTO, CONTAINERS
from comfy_api.media.video_reader import Source, VideoFacts, opened
from comfy_api.media.video_writer import VideoWriter

if TYPE_CHECKING:
    from comfy_api.media.video_input import VideoInput

_CHUNK = 16

_COPIED_AUDIO = {"mp4": ("aac", "mp3", "opus", "flac", "ac3", None)}
"""Sound that may stay as it is, by container; the ordinary nodes know mp4 alone."""


def encode(
    video: VideoInput,
    target: str | io.BytesIO,
    format: str = AUTO,
    codec: str = AUTO,
    metadata: Mapping[str, Any] | None = None,
    bit_depth: int | None = None,
) -> None:
    """Writes all frames and the sound of a video.

    Raises: MediaError naming fps, format, codec, audio, images or bit_depth; OSError of the file.
    """
    with VideoWriter(
        target,
        video.get_frame_rate(),
        format=format,
        codec=codec,
        audio=video.get_audio(),
        metadata=metadata,
        bit_depth=bit_depth,
    ) as writer:
        for images in video.iter_frames(_CHUNK):
            writer.write(images)
        writer.finish()


def can_copy(facts: VideoFacts, format: str, codec: str) -> bool:
    """Whether the tracks of a file may go into a container as they are."""
    container = "mp4" if format == AUTO else format
    return (
        container in facts.container_format.split(",")
        and codec in (AUTO, facts.codec)
        and facts.codec in ("h264", "hevc", "av1")
        and facts.audio_codec in _COPIED_AUDIO.get(container, ())
    )


def copy_tracks(source: Source, target: str | io.BytesIO, metadata: Mapping[str, Any] | None) -> None:
    """Copies the first picture track and the first sound track of an mp4 file into another, with other metadata.

    Raises: MediaError for a damaged source; OSError of the target.
    """
    import av

    name = source if isinstance(source, str) else "buffer"
    place = CONTAINERS["mp4"]
    with opened(source) as container:
        tracks = [container.streams.video[0], *container.streams.audio[:1]]
        with av.open(target, "w", format=place.muxer, options=dict(place.options)) as copy:
            for key, value in {**container.metadata, **(metadata or {})}.items():
                copy.metadata[key] = value if isinstance(value, str) else json.dumps(value)
            copied = {track.index: copy.add_stream_from_template(track) for track in tracks}
            packets = container.demux(tracks)
            while True:
                try:
                    packet = next(packets, None)
                except av.error.InvalidDataError as error:
                    raise MediaError("is damaged", source=name) from error
                if packet is None:
                    break
                if packet.dts is not None:
                    packet.stream = copied[packet.stream.index]
                    copy.mux(packet)
