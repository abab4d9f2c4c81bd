"""Sound files: flac, mp3, opus and whatever PyAV reads. PyAV is imported when the first one is touched."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from comfy_api.errors import MediaError
from comfy_api.media import saving
from comfy_api.media.values import AudioInput
from comfy_api.media.video_audio import AudioTrack, checked_audio, read_audio

MUXERS = {"flac": ("flac", "flac"), "mp3": ("mp3", "libmp3lame"), "opus": ("opus", "libopus")}
"""Container and encoder by format."""

_VARIABLE = "V0"
"""MP3's best variable bit rate; every other quality is a number of kilobits like "128k"."""


def write_audio(
    path: str,
    audio: AudioInput,
    format: str = "flac",
    quality: str = "128k",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes one sound (1,channels,samples) with its metadata; a batch's further sounds are left out.

    Raises: MediaError naming format, quality or audio; OSError of the file.
    """
    import av

    if format not in MUXERS:
        raise MediaError(f"{format!r} is none of {', '.join(MUXERS)}", source="format")
    waveform, rate = checked_audio(audio)
    if not waveform.shape[1]:
        raise MediaError("holds no sample", source="audio")
    muxer, encoder = MUXERS[format]
    with saving.open_output(path) as file, av.open(file, "w", format=muxer) as container:
        for key, value in (metadata or {}).items():
            container.metadata[key] = value
        track = AudioTrack(container, encoder, audio)
        if format != "flac":
            _set_quality(track.stream, quality)
        for packet in [*track.packets_until(Fraction(waveform.shape[1], rate)), *track.last_packets()]:
            container.mux(packet)


def read_audio_file(path: str) -> AudioInput:
    """The first sound track of a file, all of it.

    Shape: waveform (1,channels,samples) float32. Raises: MediaError naming the file.
    """
    import av

    try:
        with av.open(path) as container:
            found = read_audio(container, origin_s=Fraction(0), start_s=Fraction(0), end_s=None)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"cannot be read as sound: {error.strerror or error}", source=path) from error
    if found is None:
        raise MediaError("holds no sound", source=path)
    return found


def _set_quality(stream: Any, quality: str) -> None:
    if quality == _VARIABLE:
        stream.codec_context.qscale = True
        stream.codec_context.global_quality = 0
        return
    try:
        stream.bit_rate = int(quality.removesuffix("k")) * 1000
    except ValueError as error:
        raise MediaError(f"{quality!r} is no bit rate like 128k", source="quality") from error
