"""Latents to messages: the pipeline function with its small state, one instance per stream.

Its caller numbers the frames and says which are keyframes; `stream.LatentStreamWriter` is the layer that
does so automatically.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from codec_transport.errors import LatentInputError, MessageFieldError, NonFiniteLatentError
from codec_transport.pipelines.arithmetic import (
    MAX_FP16,
    Arithmetic,
    EncodedFrame,
    KeyframeState,
    StreamShape,
    check_latent,
    is_tensor,
)
from codec_transport.pipelines.numpy_arithmetic import NumpyArithmetic
from codec_transport.wire.dtypes import WIRE_DTYPES
from codec_transport.wire.encoder import check_stream_format, encode_message
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, Scales
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader


class LatentStreamEncoder:
    """Encodes the frames of one stream.

    latent_space_id, shape (one frame, channels first), dtype ("fp16" or "fp32"), pipeline: as the header
    will say. static_scales: C numbers or the block of 2*C bytes, for `int8` and `int4` only; values
    beyond them saturate. Raises: MessageFieldError for anything a header must not say.
    """

    def __init__(
        self,
        latent_space_id: str,
        shape: Sequence[int],
        dtype: str,
        pipeline: str,
        *,
        stream_format: str = "msgpack",
        static_scales: bytes | Sequence[float] | npt.NDArray[Any] | None = None,
        fps: int | None = None,
        total_frames: int | None = None,
        vae_scale_factor: float | None = None,
    ) -> None:
        check_stream_format(stream_format)
        block = None if static_scales is None else scales_block(static_scales)
        self.header_message = LatentStreamHeader(
            latent_space_id, tuple(shape), dtype, pipeline, block, fps, total_frames, vae_scale_factor
        )
        if not WIRE_DTYPES[dtype].may_send:
            raise MessageFieldError("dtype", dtype, "fp16 or fp32 (bf16 latents are sent as fp16)")
        layout = PIPELINE_LAYOUTS[pipeline]
        if block is not None and layout.scales is not Scales.HEADER:
            raise MessageFieldError("scales", f"{len(block)} bytes", f"none for pipeline {pipeline}")
        self.stream_format = stream_format
        self._stream = StreamShape(self.header_message.shape, dtype, layout)
        self._scales = None if block is None else np.frombuffer(block, "<f2").astype(np.float16)
        self._keyframe: KeyframeState | None = None
        self._last_seq = -1
        self._arithmetic: dict[bool, Arithmetic] = {}  # by "is a tensor"

    def header(self) -> bytes:
        """The header message."""
        return b"".join(encode_message(self.header_message, self.stream_format))

    def frame(
        self, latent: Any, *, seq: int, keyframe: bool, done: bool = False, finish_reason: str | None = None
    ) -> bytes:
        """One frame message of a latent: numpy array or torch tensor of the stream's shape, any float dtype.

        The keyframe flag is obeyed. Finite numbers that the dtype or a scale cannot hold saturate.
        Raises: LatentInputError (wrong shape, a delta before any keyframe, a seq that does not grow),
        NonFiniteLatentError.
        """
        if seq <= self._last_seq:
            raise LatentInputError("seq", seq, f"more than {self._last_seq}")
        encoded = self.encode(latent, keyframe=keyframe)
        message = LatentFrame(encoded.data, seq, keyframe, done, finish_reason)
        self._last_seq = seq
        return b"".join(encode_message(message, self.stream_format))

    def encode(self, latent: Any, *, keyframe: bool) -> EncodedFrame:
        """The payload of one frame, a fresh buffer. Only a keyframe changes the encoder's state.

        Raises: LatentInputError, NonFiniteLatentError; the state is unchanged then.
        """
        layout = self._stream.layout
        if not keyframe and not layout.is_delta:
            raise LatentInputError("keyframe flag", False, f"true for every frame of {layout.name}")
        if not keyframe and self._keyframe is None:
            raise LatentInputError("first frame of a delta stream", "no keyframe", "a keyframe")
        check_latent(latent, self._stream)
        arithmetic = self._arithmetic_for(latent)
        encoded = self._encode(arithmetic, latent, keyframe=keyframe, saturate=False)
        if not encoded.is_finite:
            bad_channels = arithmetic.bad_channels(latent)
            if bad_channels:
                raise NonFiniteLatentError(bad_channels)
            encoded = self._encode(arithmetic, latent, keyframe=keyframe, saturate=True)
        if layout.is_delta and encoded.keyframe is not None:
            self._keyframe = encoded.keyframe
        return encoded

    def _encode(self, arithmetic: Arithmetic, latent: Any, *, keyframe: bool, saturate: bool) -> EncodedFrame:
        if self._stream.layout.scales is Scales.NONE:
            return arithmetic.raw(latent, saturate=saturate)
        if keyframe:
            return arithmetic.quantised(latent, self._scales, saturate=saturate)
        assert self._keyframe is not None, "encode() lets no delta pass before a keyframe"
        return arithmetic.residual(latent, self._keyframe, saturate=saturate)

    def _arithmetic_for(self, latent: Any) -> Arithmetic:
        key = is_tensor(latent)
        if key not in self._arithmetic:
            self._arithmetic[key] = _arithmetic_for(latent, self._stream)
        return self._arithmetic[key]


def scales_block(scales: bytes | Sequence[float] | npt.NDArray[Any]) -> bytes:
    """Scales as they travel: little-endian fp16, rounded to nearest even; a ready block passes through.

    Raises: MessageFieldError for numbers that are negative or not finite, or beyond fp16.
    """
    if isinstance(scales, bytes | bytearray | memoryview):
        return bytes(scales)
    numbers = np.asarray(scales, dtype=np.float32).reshape(-1)
    if not bool((np.isfinite(numbers) & (numbers >= 0) & (numbers <= MAX_FP16)).all()):
        raise MessageFieldError("scales", numbers.tolist(), f"numbers from 0 to {MAX_FP16:g}")
    return numbers.astype("<f2").tobytes()


def _arithmetic_for(latent: Any, stream: StreamShape) -> Arithmetic:
    """The implementation for this kind of array. Imports torch only for a tensor."""
    if not is_tensor(latent):
        return NumpyArithmetic(stream)
    from codec_transport.pipelines.torch_arithmetic import TorchArithmetic
    from codec_transport.pipelines.torch_cpu import CpuTorchArithmetic

    is_usual = stream.dtype == "fp16" and latent.device.type == "cpu"
    return CpuTorchArithmetic(stream) if is_usual else TorchArithmetic(stream)
