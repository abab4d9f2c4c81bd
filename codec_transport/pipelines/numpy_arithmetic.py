"""The pipelines' arithmetic on numpy arrays: every channel at once, in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from codec_transport.pipelines.arithmetic import MAX_FP16, EncodedFrame, KeyframeState, StreamShape
from codec_transport.pipelines.byte_passes import pack_nibbles, subtract_keyframe
from codec_transport.wire.dtypes import WIRE_DTYPES
from codec_transport.wire.layouts import SCALE_BYTES

_Float32 = npt.NDArray[np.float32]
_Int8 = npt.NDArray[np.int8]


class NumpyArithmetic:
    """Encodes latents (shape of the stream, any float dtype) that live in numpy arrays.

    Keeps one float32 scratch frame, so one instance serves one stream and one thread.
    """

    def __init__(self, stream: StreamShape) -> None:
        self._stream = stream
        self._levels = np.float32(stream.layout.levels)
        self._scratch: _Float32 = np.empty((stream.num_channels, stream.channel_size), np.float32)
        self._spare = tuple(self._scratch.view(np.int8).reshape(4, -1))  # the same memory as rows of bytes

    def raw(self, latent: npt.NDArray[Any], *, saturate: bool) -> EncodedFrame:
        """Little-endian values of the stream's dtype."""
        values = self._cast(latent, saturate=saturate)
        packed = np.array(values, dtype=WIRE_DTYPES[self._stream.dtype].code, order="C").reshape(-1)
        return EncodedFrame(packed.view(np.uint8).data, is_finite=self._is_finite(packed))

    def quantised(
        self, latent: npt.NDArray[Any], scales: npt.NDArray[np.float16] | None, *, saturate: bool
    ) -> EncodedFrame:
        """Integers; behind a block of the frame's own scales when `scales` is None."""
        work = self._loaded(latent, saturate=saturate)
        maxima = _channel_maxima(work)
        block = _fp16_scales(maxima) if scales is None else scales
        scales32 = block.astype(np.float32)
        head = 0 if scales is not None else SCALE_BYTES * len(block)
        num_integer_bytes = (work.size + 1) // 2 if self._stream.layout.is_packed else work.size
        payload = np.empty(head + num_integer_bytes, np.uint8)
        if head:
            payload[:head] = block.astype("<f2").view(np.uint8)
        body = payload[head:]
        # a channel never exceeds its own scale unless rounding to fp16 made the scale smaller
        may_exceed = bool((maxima > scales32).any())
        if self._stream.layout.is_packed:
            integers = np.empty(work.size, np.int8)
            self._quantise(work, scales32, integers, clamp=may_exceed)
            pack_nibbles(integers, body, self._spare)
        else:
            integers = body.view(np.int8)
            self._quantise(work, scales32, integers, clamp=may_exceed)
        return EncodedFrame(payload.data, self._fit(maxima), keyframe=KeyframeState(integers, scales32))

    def residual(self, latent: npt.NDArray[Any], keyframe: KeyframeState, *, saturate: bool) -> EncodedFrame:
        """Differences of integers to the keyframe's, on the keyframe's scales."""
        work = self._loaded(latent, saturate=saturate)
        maxima = _channel_maxima(work)
        integers = np.empty(work.size, np.int8)
        scales32 = _on_host(keyframe.scales)
        self._quantise(work, scales32, integers, clamp=bool((maxima > scales32).any()))
        # the floats of the scratch frame are no longer needed
        is_clamped = subtract_keyframe(
            integers, _on_host(keyframe.integers), self._spare, self._stream.layout.levels
        )
        payload = integers.view(np.uint8)
        if self._stream.layout.is_packed:
            payload = np.empty((work.size + 1) // 2, np.uint8)
            pack_nibbles(integers, payload, self._spare)
        return EncodedFrame(payload.data, self._fit(maxima), has_clamped_residuals=is_clamped)

    def bad_channels(self, latent: npt.NDArray[Any]) -> tuple[int, ...]:
        """Channels of the latent as it came that hold NaN or infinity."""
        is_finite = np.isfinite(latent.reshape(self._stream.num_channels, -1)).all(axis=1)
        return tuple(int(channel) for channel in np.flatnonzero(~is_finite))

    def _cast(self, latent: npt.NDArray[Any], *, saturate: bool) -> npt.NDArray[Any]:
        """The latent in the stream's dtype; doubles pass through float32, as on every device."""
        if saturate:
            largest = self._stream.largest
            latent = np.clip(latent.astype(np.float64), -largest, largest)
        with np.errstate(over="ignore", invalid="ignore"):
            if latent.dtype.itemsize > 4:
                latent = latent.astype(np.float32)
            if self._stream.dtype == "fp16":
                return latent.astype(np.float16, copy=False)
            return latent.astype(np.float32, copy=False)

    def _loaded(self, latent: npt.NDArray[Any], *, saturate: bool) -> _Float32:
        """The cast latent as float32 (C, values) in the scratch frame, which the caller may change."""
        values = self._cast(latent, saturate=saturate)
        if self._stream.dtype == "fp16":
            widen_fp16(values.reshape(self._scratch.shape), self._scratch)
        else:
            np.copyto(self._scratch, values.reshape(self._scratch.shape))
        return self._scratch

    def _fit(self, maxima: _Float32) -> bool:
        return bool((maxima <= self._stream.largest).all())  # false for NaN

    def _is_finite(self, values: npt.NDArray[Any]) -> bool:
        """False when some number has all exponent bits set. Looks at bits: sums of fp16 are slow."""
        words, sign, infinity = ("<u2", 0x7FFF, 0x7C00)
        if values.dtype.itemsize == 4:
            words, sign, infinity = ("<u4", 0x7FFFFFFF, 0x7F800000)
        magnitudes = self._scratch.reshape(-1).view(words)[: values.size]
        np.bitwise_and(values.view(words), sign, out=magnitudes)
        return bool(np.maximum.reduce(magnitudes) < infinity)

    def _quantise(self, work: _Float32, scales: _Float32, out: _Int8, *, clamp: bool) -> None:
        """Rounds `work` (C, values), which it destroys, to integers in `out`."""
        # a scale of 0 makes zeros: any finite number divided by infinity is 0
        divisors = np.where(scales == 0, np.float32(np.inf), scales)
        with np.errstate(invalid="ignore"):  # NaN: the caller sees it in the maxima and drops the frame
            np.divide(work, divisors[:, None], out=work)
            np.multiply(work, self._levels, out=work)
            np.rint(work, out=work)
            if clamp:
                np.clip(work, -self._levels, self._levels, out=work)
            np.copyto(out.reshape(work.shape), work, casting="unsafe")


def widen_fp16(values: npt.NDArray[np.float16], out: _Float32) -> None:
    """The same numbers as float32, in `out`; infinity and NaN become numbers of at least 65536.

    Six times as fast as numpy's own cast, which goes value by value: exponent and fraction move to their
    places in binary32 as integers, then one exact multiplication mends the bias of the exponent
    (127 - 15 = 112) and makes subnormals normal.
    """
    bits = out.view(np.int32)
    np.copyto(bits, values.view(np.int16))
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, ~0x70000000, out=bits)  # copies of the sign that stand where the exponent grows
    np.multiply(out, np.float32(2.0**112), out=out)


def _channel_maxima(work: _Float32) -> _Float32:
    """Largest magnitude per channel; NaN where there is one."""
    # abs: the maximum of a zero channel may come out as -0.0, whose sign would travel
    maxima: _Float32 = np.abs(np.maximum(work.max(axis=1), -work.min(axis=1)))
    return maxima


def _fp16_scales(maxima: _Float32) -> npt.NDArray[np.float16]:
    with np.errstate(invalid="ignore"):
        return np.minimum(maxima, np.float32(MAX_FP16)).astype(np.float16)


def _on_host(array: Any) -> npt.NDArray[Any]:
    """The array itself, or the values of a tensor when an earlier frame of the stream was one."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu())
