"""Which encoders stand behind a container and a codec name: one table. No file is opened here.

`VideoCodec` and `VideoContainer` (`comfy_api.media.video`) are the two short lists of the ordinary nodes; the stream
nodes offer every name of this table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from comfy_api.errors import MediaError

AUTO = "auto"
MAX_RATE_DENOMINATOR = 100_000
"""A frame rate that crossed a socket as a float finds its fraction again: 30000/1001 and 29.97 stay apart."""


def _x264_options() -> dict[str, str]:
    """Keeps x264 off AVX-512 where the processor has it.

    With it x264 reads past the end of its motion statistics when a picture is no multiple of 128 pixels wide, and the
    same frames give another file on every run (measured with av 18.1: 854x480, one thread, 11 files in 30 runs).
    """
    try:
        has_avx512 = "avx512" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux: nothing is known, so nothing is forced
        has_avx512 = False
    return {"x264-params": "asm=avx2"} if has_avx512 else {}


@dataclass(frozen=True)
class CodecChoice:
    """One way to compress frames. `depth` is bits per channel handed to the encoder, `even` the sides it needs.

    `least_side`: SVT-AV1 never returns from some smaller pictures (measured with av 18.1: 4096x16).
    """

    encoder: str
    pixel_format: str
    options: Mapping[str, str] = field(default_factory=dict)
    depth: int = 8
    even: tuple[int, int] = (1, 1)
    is_yuv: bool = True
    least_side: int = 1
    alpha_format: str | None = None
    deep_format: str | None = None

    def at_depth(self, bits: int | None) -> tuple[str, int]:
        """(pixel format, bits per channel); None takes the usual one. Raises: MediaError naming bit_depth."""
        if bits == 10 and self.deep_format is not None:
            return self.deep_format, 10
        if bits is None or bits == self.depth:
            return self.pixel_format, self.depth
        raise MediaError(f"{self.encoder} is not written with {bits} bits here", source="bit_depth")


@dataclass(frozen=True)
class ContainerChoice:
    """One kind of file. The first codec is its usual one; `options` are the muxer's."""

    extension: str
    muxer: str
    codecs: tuple[str, ...]
    audio_encoder: str
    options: Mapping[str, str] = field(default_factory=dict)


CODECS: Mapping[str, CodecChoice] = {
    "h264": CodecChoice("libx264", "yuv420p", _x264_options(), even=(2, 2), deep_format="yuv420p10le"),
    "vp9": CodecChoice("libvpx-vp9", "yuv420p", {"crf": "32", "b": "0", "row-mt": "1"}, even=(2, 2)),
    "av1": CodecChoice("libsvtav1", "yuv420p10le", {"preset": "6"}, depth=10, even=(2, 2), least_side=64),
    "ffv1": CodecChoice("ffv1", "bgr0", is_yuv=False, alpha_format="bgra"),
    "prores": CodecChoice("prores_ks", "yuv422p10le", depth=10, even=(2, 1), alpha_format="yuva444p10le"),
}

_MOOV = {"movflags": "use_metadata_tags"}
"""Without it the muxer keeps only the keys it knows, and `prompt` is none of them."""

_CLUSTERS = {"cluster_time_limit": "0"}
"""A cluster per packet: Matroska's writer keeps an open cluster in memory, five seconds or megabytes of it."""

CONTAINERS: Mapping[str, ContainerChoice] = {
    "mp4": ContainerChoice("mp4", "mp4", ("h264", "av1"), "aac", _MOOV),
    "webm": ContainerChoice("webm", "webm", ("vp9", "av1"), "libopus", _CLUSTERS),
    "mkv": ContainerChoice("mkv", "matroska", ("ffv1", "h264", "vp9", "av1"), "flac", _CLUSTERS),
    "mov": ContainerChoice("mov", "mov", ("prores", "h264"), "aac", _MOOV),
}

CONTAINER_NAMES = [AUTO, *CONTAINERS]
CODEC_NAMES = [AUTO, *CODECS]


@dataclass(frozen=True)
class VideoFormat:
    """A container and a codec that fit."""

    container: ContainerChoice
    codec: CodecChoice
    codec_name: str


def video_format(container: str = AUTO, codec: str = AUTO) -> VideoFormat:
    """What to write for two names of the lists; `auto` follows the other name, both `auto` are mp4 with h264.

    Raises: MediaError (`source` is "format" or "codec") for an unknown name or two that do not fit.
    """
    container, codec = str(container), str(codec)
    if container != AUTO and container not in CONTAINERS:
        raise MediaError(f"{container!r} is none of {', '.join(CONTAINER_NAMES)}", source="format")
    if codec != AUTO and codec not in CODECS:
        raise MediaError(f"{codec!r} is none of {', '.join(CODEC_NAMES)}", source="codec")
    if container == AUTO:
        usual = (name for name, choice in CONTAINERS.items() if choice.codecs[0] == codec)
        container = "mp4" if codec == AUTO else next(usual, "webm")
    chosen = CONTAINERS[container]
    if codec == AUTO:
        codec = chosen.codecs[0]
    if codec not in chosen.codecs:
        raise MediaError(
            f"{codec} does not go into {container}, which takes {', '.join(chosen.codecs)}", source="codec"
        )
    return VideoFormat(chosen, CODECS[codec], codec)


def exact_rate(rate: Any) -> Fraction:
    """A frame rate as a fraction with a small denominator.

    Units: frames per second. Raises: MediaError (`source` is "fps") unless it is a finite number above 0.
    """
    try:
        if isinstance(rate, float) and not math.isfinite(rate):
            raise MediaError(f"the frame rate must be a number above 0, came {rate}", source="fps")
        exact = Fraction(rate).limit_denominator(MAX_RATE_DENOMINATOR)
    except (TypeError, ValueError) as error:
        raise MediaError(f"the frame rate must be a number above 0, came {rate!r}", source="fps") from error
    if not exact > 0:
        raise MediaError(f"the frame rate must be above 0, came {rate}", source="fps")
    return exact
