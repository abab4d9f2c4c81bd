"""The two messages of a latent stream, validated when built, so that a bad one cannot exist."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from codec_transport.errors import MessageFieldError
from codec_transport.wire.dtypes import WIRE_DTYPES
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, SCALE_BYTES, Scales, bad_scale_channel

Buffer: TypeAlias = bytes | bytearray | memoryview

# 2**28 values is 1 GiB as float32: ten times the largest frame of any known model (a 4K video block).
MAX_FRAME_VALUES = 2**28
# No known latent has more than 5 axes; 8 leaves room and keeps a header a header.
MAX_SHAPE_AXES = 8
MAX_UINT32 = 2**32 - 1
# Ids are paths such as `stabilityai/sd-vae-ft-mse`; dtype and reason are words.
MAX_TEXT_CHARS = 256


@dataclass(frozen=True, slots=True)
class LatentStreamHeader:
    """First message of a stream: everything that its frames share.

    shape: of one frame, channels first, no batch axis. dtype: native dtype of the space for every
    pipeline. scales: C little-endian fp16 values, for `int8` and `int4` only (kept, not used, elsewhere).
    fps: playback rate of the decoded video. total_frames: number of LatentFrames.
    vae_scale_factor: `vae.decode(latent / factor)` gives the picture.
    """

    latent_space_id: str
    shape: tuple[int, ...]
    dtype: str
    pipeline: str
    scales: bytes | None = None
    fps: int | None = None
    total_frames: int | None = None
    vae_scale_factor: float | None = None

    def __post_init__(self) -> None:
        """Raises MessageFieldError naming the field that does not fit."""
        _check_text("latent_space_id", self.latent_space_id)
        object.__setattr__(self, "shape", _checked_shape(self.shape))
        if not isinstance(self.dtype, str) or self.dtype not in WIRE_DTYPES:
            raise MessageFieldError("dtype", self.dtype, f"one of {', '.join(WIRE_DTYPES)}")
        if not isinstance(self.pipeline, str) or self.pipeline not in PIPELINE_LAYOUTS:
            raise MessageFieldError("pipeline", self.pipeline, f"one of {', '.join(PIPELINE_LAYOUTS)}")
        self._check_scales()
        for name in ("fps", "total_frames"):
            if getattr(self, name) is not None:
                _check_uint32(name, getattr(self, name))
        factor = self.vae_scale_factor
        if factor is not None:
            if isinstance(factor, bool) or not isinstance(factor, int | float) or not math.isfinite(factor):
                raise MessageFieldError("vae_scale_factor", factor, "a finite number")
            object.__setattr__(self, "vae_scale_factor", float(factor))

    def _check_scales(self) -> None:
        if self.scales is not None:
            if not isinstance(self.scales, bytes | bytearray | memoryview):
                raise MessageFieldError("scales", self.scales, "bytes")
            object.__setattr__(self, "scales", bytes(self.scales))
        if PIPELINE_LAYOUTS[self.pipeline].scales is not Scales.HEADER:
            return
        expected_bytes = SCALE_BYTES * self.shape[0]
        if self.scales is None or len(self.scales) != expected_bytes:
            got = "nothing" if self.scales is None else f"{len(self.scales)} bytes"
            raise MessageFieldError("scales", got, f"{expected_bytes} bytes for pipeline {self.pipeline}")
        channel = bad_scale_channel(self.scales)
        if channel is not None:
            raise MessageFieldError("scales", f"channel {channel}", "finite scales that are not negative")

    @property
    def num_channels(self) -> int:
        """C, the first axis of the shape."""
        return self.shape[0]

    @property
    def num_values(self) -> int:
        """Values in one frame, all channels together."""
        return math.prod(self.shape)

    def payload_bytes(self, *, keyframe: bool) -> int:
        """Exact length of the `data` of a frame of this stream."""
        return PIPELINE_LAYOUTS[self.pipeline].payload_bytes(self.shape, self.dtype, keyframe=keyframe)


FINISH_REASONS: tuple[str, ...] = ("ok", "length", "stop", "error", "policy_violation")


@dataclass(frozen=True, slots=True)
class LatentFrame:
    """One frame. data: the payload, passed on as it is and never copied here.

    A failed stream ends with an empty `data`, `done` and `finish_reason` "error".
    """

    data: Buffer
    seq: int
    keyframe: bool
    done: bool
    finish_reason: str | None = None

    def __post_init__(self) -> None:
        """Raises MessageFieldError naming the field that does not fit."""
        if not isinstance(self.data, bytes | bytearray | memoryview):
            raise MessageFieldError("data", self.data, "bytes")
        if isinstance(self.data, memoryview) and (self.data.itemsize != 1 or not self.data.c_contiguous):
            raise MessageFieldError("data", self.data, "a contiguous view of single bytes")
        _check_uint32("seq", self.seq)
        if not isinstance(self.keyframe, bool):
            raise MessageFieldError("keyframe", self.keyframe, "true or false")
        if not isinstance(self.done, bool):
            raise MessageFieldError("done", self.done, "true or false")
        if self.finish_reason is not None:
            _check_text("finish_reason", self.finish_reason)
            if not self.done:
                raise MessageFieldError("finish_reason", self.finish_reason, "nothing unless done is true")

    @property
    def is_error_report(self) -> bool:
        """True for the frame by which a sender says that it failed: no payload, reason "error"."""
        return self.finish_reason == "error" and len(self.data) == 0


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARS:
        raise MessageFieldError(name, value, f"text of 1 to {MAX_TEXT_CHARS} characters")


def _check_uint32(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_UINT32:
        raise MessageFieldError(name, value, "a whole number from 0 to 2**32 - 1")


def _checked_shape(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple | list) or not 1 <= len(shape) <= MAX_SHAPE_AXES:
        raise MessageFieldError("shape", shape, f"1 to {MAX_SHAPE_AXES} axis lengths")
    for length in shape:
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise MessageFieldError("shape", shape, "axis lengths of at least 1")
    if math.prod(shape) > MAX_FRAME_VALUES:
        raise MessageFieldError("shape", shape, f"at most {MAX_FRAME_VALUES} values in a frame")
    return tuple(shape)
