"""The torch arithmetic's short way for the server's usual case: fp16 streams on the CPU.

A frame of 16x60x104 values fits into the second-level cache, so time goes with the number of passes over
it: widen, multiply by a factor (`reciprocal` says why that is allowed), round, clamp, narrow. Float passes
are torch's, whose conversions are vectorised; byte passes are numpy's on the same memory. One scratch frame
lives as long as the stream: fresh memory of that size would cost a page fault per 4 KiB.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec_transport.pipelines.arithmetic import EncodedFrame, KeyframeState, StreamShape
from codec_transport.pipelines.byte_passes import pack_nibbles, subtract_keyframe
from codec_transport.pipelines.reciprocal import ChannelFactors, channel_factors
from codec_transport.pipelines.torch_arithmetic import TorchArithmetic
from codec_transport.wire.layouts import SCALE_BYTES

_INFINITE_FP16 = 0x7C00  # bits of infinity; those of NaN are larger
# Added to a float of moderate size it rounds half to even and leaves the integer in the lowest byte of the bits.
_ROUNDING = 1.5 * 2**23


class CpuTorchArithmetic(TorchArithmetic):
    """As its base; frames that are not on the CPU, or have to be saturated, take the base's way.

    Keeps one float32 frame, so one instance serves one stream and one thread.
    """

    def __init__(self, stream: StreamShape) -> None:
        super().__init__(stream)
        self._shape = shape = (stream.num_channels, stream.channel_size)
        self._work = torch.empty(shape, dtype=torch.float32)
        # views are made once: making one costs as much as a pass over a tenth of a frame
        self._work_bits = self._work.view(torch.int32)
        self._spare = tuple(self._work.view(torch.int8).numpy().reshape(4, -1))
        self._magnitudes = self._work.view(torch.int16).numpy().reshape(2, *shape)[0]
        self._rounding = torch.full((stream.num_channels, 1), _ROUNDING)
        self._cached: tuple[object, ChannelFactors, Tensor] | None = None

    def raw(self, latent: Tensor, *, saturate: bool) -> EncodedFrame:
        """Little-endian values of the stream's dtype."""
        if saturate or latent.device.type != "cpu":
            return super().raw(latent, saturate=saturate)
        values = self._cast(latent.detach(), saturate=False).reshape(self._shape).numpy()
        # the sampler may go on using its tensor
        is_its_own = latent.dtype != torch.float16
        payload = np.ascontiguousarray(values) if is_its_own else values.copy()
        is_finite = self._maxima(payload).max() < _INFINITE_FP16
        return EncodedFrame(payload.reshape(-1).view(np.uint8).data, bool(is_finite))

    def quantised(
        self, latent: Tensor, scales: npt.NDArray[np.float16] | None, *, saturate: bool
    ) -> EncodedFrame:
        """Integers; behind a block of the frame's own scales when `scales` is None."""
        if saturate or latent.device.type != "cpu":
            return super().quantised(latent, scales, saturate=saturate)
        values = self._cast(latent.detach(), saturate=False).reshape(self._shape)
        maxima = self._maxima(values.numpy())
        if maxima.max() >= _INFINITE_FP16:
            return EncodedFrame(memoryview(b""), is_finite=False)
        own = maxima.view(np.float16)
        block = own if scales is None else scales
        head = SCALE_BYTES * len(block) if scales is None else 0
        is_packed = self._stream.layout.is_packed
        size = self._work.numel()
        payload = np.empty(head + ((size + 1) // 2 if is_packed else size), np.uint8)
        if head:
            payload[:head] = own.view(np.uint8)
        integers = np.empty(size, np.int8) if is_packed else payload[head:].view(np.int8)
        out = torch.from_numpy(integers).view(self._shape)
        self._quantise_values(values, block, out, clamp=scales is not None and bool((own > scales).any()))
        if is_packed:
            pack_nibbles(integers, payload[head:], self._spare)
        keyframe = KeyframeState(integers, block.astype(np.float32))
        return EncodedFrame(payload.data, is_finite=True, keyframe=keyframe)

    def residual(self, latent: Tensor, keyframe: KeyframeState, *, saturate: bool) -> EncodedFrame:
        """Differences of integers to the keyframe's, on the keyframe's scales."""
        if saturate or latent.device.type != "cpu":
            return super().residual(latent, keyframe, saturate=saturate)
        values = self._cast(latent.detach(), saturate=False).reshape(self._shape)
        shaped = np.empty(self._shape, np.int8)
        out = torch.from_numpy(shaped)
        is_finite = self._quantise_values(values, keyframe.scales, out, clamp=True)
        integers = shaped.reshape(-1)
        # the floats of the scratch frame are no longer needed
        then = _on_host(keyframe.integers)
        is_clamped = subtract_keyframe(integers, then, self._spare, self._stream.layout.levels)
        payload = integers.view(np.uint8)
        if self._stream.layout.is_packed:
            payload = np.empty((len(integers) + 1) // 2, np.uint8)
            pack_nibbles(integers, payload, self._spare)
        return EncodedFrame(payload.data, is_finite, has_clamped_residuals=is_clamped)

    def _maxima(self, values: npt.NDArray[np.float16]) -> npt.NDArray[np.int16]:
        """Bits of the largest magnitude per channel: fp16 numbers are ordered as their bits without the sign."""
        np.bitwise_and(values.view(np.int16), 0x7FFF, out=self._magnitudes)
        largest: npt.NDArray[np.int16] = self._magnitudes.max(axis=1)
        return largest

    def _quantise_values(self, values: Tensor, scales: object, out: Tensor, *, clamp: bool) -> bool:
        """Quantises fp16 `values` (C, values) into int8 `out`; false when they hold NaN or infinity.

        clamp: values may lie beyond their scales; without it nobody looks for NaN and infinity.
        scales: (C,), fp16 or float32 that fp16 can hold.
        """
        factors, factors_tensor = self._factors_for(scales)
        work = self._work.copy_(values)
        # no sum of fp16 numbers leaves binary32, so it is finite exactly when all of them are
        is_finite = not clamp or math.isfinite(work.sum())
        levels = self._stream.layout.levels
        work.mul_(factors_tensor)
        for channel in factors.divided:
            exact = values[channel].to(torch.float32).div_(float(factors.divisors[channel, 0]))
            work[channel] = exact.mul_(levels)
        if clamp:
            work.clamp_(-levels, levels)
        work.add_(self._rounding)
        out.copy_(self._work_bits)
        return is_finite

    def _factors_for(self, scales: Any) -> tuple[ChannelFactors, Tensor]:
        """Factors of these scales; those of the last array asked for are kept."""
        if self._cached is None or self._cached[0] is not scales:
            factors = channel_factors(_on_host(scales).astype(np.float16), self._stream.layout.levels)
            self._cached = (scales, factors, torch.from_numpy(factors.factors))
        return self._cached[1], self._cached[2]


def _on_host(array: Any) -> npt.NDArray[Any]:
    """The array itself, or the values of a tensor when an earlier frame of the stream lived elsewhere."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu())
