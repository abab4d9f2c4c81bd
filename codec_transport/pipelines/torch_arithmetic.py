"""The pipelines' arithmetic on torch tensors: quantised and packed on the tensor's device.

What comes back from an accelerator is one buffer in wire order (scales, integers, then the few numbers
that the host must look at), in one copy to pinned memory. On the CPU nothing is copied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec_transport.pipelines.arithmetic import MAX_FP16, EncodedFrame, KeyframeState, StreamShape
from codec_transport.wire.layouts import SCALE_BYTES


@dataclass(frozen=True, slots=True)
class _HostFrame:
    data: memoryview
    maxima: npt.NDArray[np.float32]
    is_clamped: bool


class TorchArithmetic:
    """Encodes latents (shape of the stream, any float dtype, any device) that live in torch tensors."""

    def __init__(self, stream: StreamShape) -> None:
        self._stream = stream
        self._wire_dtype = torch.float16 if stream.dtype == "fp16" else torch.float32

    def raw(self, latent: Tensor, *, saturate: bool) -> EncodedFrame:
        """Little-endian values of the stream's dtype."""
        values = self._cast(latent.detach(), saturate=saturate)
        packed = values.contiguous().reshape(-1).view(torch.uint8)
        if values.device.type == "cpu" and packed.data_ptr() == latent.data_ptr():
            packed = packed.clone()  # the sampler may go on using its tensor
        host = _to_host(packed, _channel_maxima(values.to(torch.float32)))
        return EncodedFrame(host.data, self._is_finite(host.maxima))

    def quantised(
        self, latent: Tensor, scales: npt.NDArray[np.float16] | None, *, saturate: bool
    ) -> EncodedFrame:
        """Integers; behind a block of the frame's own scales when `scales` is None."""
        work = self._loaded(latent, saturate=saturate)
        maxima = _channel_maxima(work)
        if scales is None:
            block = maxima.clamp(max=MAX_FP16).to(torch.float16)
        else:
            block = torch.from_numpy(scales.astype(np.float16)).to(work.device)
        scales32 = block.to(torch.float32)
        head = 0 if scales is not None else SCALE_BYTES * len(block)
        is_packed = self._stream.layout.is_packed
        num_integer_bytes = (work.numel() + 1) // 2 if is_packed else work.numel()
        payload = torch.empty(head + num_integer_bytes, dtype=torch.uint8, device=work.device)
        if head:
            payload[:head].view(torch.float16).copy_(block)
        body = payload[head:]
        if is_packed:
            integers = torch.empty(work.numel(), dtype=torch.int8, device=work.device)
            self._quantise(work, scales32, integers)
            _pack_nibbles(integers, body)
        else:
            integers = body.view(torch.int8)
            self._quantise(work, scales32, integers)
        host = _to_host(payload, maxima)
        return EncodedFrame(
            host.data, self._is_finite(host.maxima), keyframe=KeyframeState(integers, scales32)
        )

    def residual(self, latent: Tensor, keyframe: KeyframeState, *, saturate: bool) -> EncodedFrame:
        """Differences of integers to the keyframe's, on the keyframe's scales."""
        work = self._loaded(latent, saturate=saturate)
        maxima = _channel_maxima(work)
        integers = torch.empty(work.numel(), dtype=torch.int8, device=work.device)
        self._quantise(work, _on(work.device, keyframe.scales), integers)
        difference = integers.to(torch.int16).sub_(_on(work.device, keyframe.integers))
        levels = self._stream.layout.levels
        extremes = torch.stack(torch.aminmax(difference))
        residuals = difference.clamp_(-levels, levels).to(torch.int8)
        if self._stream.layout.is_packed:
            payload = torch.empty((work.numel() + 1) // 2, dtype=torch.uint8, device=work.device)
            _pack_nibbles(residuals, payload)
        else:
            payload = residuals.view(torch.uint8)
        host = _to_host(payload, maxima, extremes.abs().amax() > levels)
        return EncodedFrame(host.data, self._is_finite(host.maxima), has_clamped_residuals=host.is_clamped)

    def _is_finite(self, maxima: npt.NDArray[np.float32]) -> bool:
        return bool((maxima <= self._stream.largest).all())  # false for NaN

    def bad_channels(self, latent: Tensor) -> tuple[int, ...]:
        """Channels of the latent as it came that hold NaN or infinity."""
        is_finite = torch.isfinite(latent.detach().reshape(self._stream.num_channels, -1)).all(dim=1)
        return tuple(int(channel) for channel in torch.nonzero(~is_finite).flatten())

    def _cast(self, latent: Tensor, *, saturate: bool) -> Tensor:
        """The latent in the stream's dtype; doubles pass through float32, as on every device."""
        if saturate:
            wide = latent if latent.dtype == torch.float64 else latent.to(torch.float32)
            latent = wide.clamp(-self._stream.largest, self._stream.largest)
        if latent.dtype is self._wire_dtype:
            return latent
        if latent.dtype == torch.float64:
            latent = latent.to(torch.float32)
        return latent.to(self._wire_dtype)

    def _loaded(self, latent: Tensor, *, saturate: bool) -> Tensor:
        """The cast latent as float32 (C, values), a fresh tensor that the caller may change."""
        values = self._cast(latent.detach(), saturate=saturate)
        work = values.reshape(self._stream.num_channels, -1).to(torch.float32)
        return work.clone() if work.data_ptr() == latent.data_ptr() else work

    def _quantise(self, work: Tensor, scales: Tensor, out: Tensor) -> None:
        """Rounds `work` (C, values), which it destroys, to integers in `out`."""
        levels = self._stream.layout.levels
        # a scale of 0 makes zeros: any finite number divided by infinity is 0
        divisors = scales[:, None].masked_fill(scales[:, None] == 0, torch.inf)
        work.div_(divisors).mul_(levels).round_().clamp_(-levels, levels)
        # NaN has no defined integer; the caller sees it in the maxima and drops the frame
        out.view(work.shape).copy_(work)


def _channel_maxima(work: Tensor) -> Tensor:
    """Largest magnitude per channel, float32 (C,); NaN where there is one."""
    channels = work.reshape(work.shape[0], -1)
    # two reductions: aminmax along an axis is not vectorised and takes twenty times as long
    largest, smallest = torch.amax(channels, dim=1), torch.amin(channels, dim=1)
    # abs: the maximum of a zero channel may come out as -0.0, whose sign would travel
    return torch.maximum(largest, -smallest).abs_()


def _pack_nibbles(integers: Tensor, out: Tensor) -> None:
    """Two integers to a byte, the earlier one low; a last odd one leaves the high nibble 0."""
    unsigned = integers.view(torch.uint8)
    torch.bitwise_and(unsigned[0::2], 0x0F, out=out)
    high = unsigned[1::2] << 4
    out[: len(high)].bitwise_or_(high)


def _on(device: torch.device, array: Tensor | npt.NDArray[np.generic]) -> Tensor:
    tensor = array if isinstance(array, Tensor) else torch.from_numpy(array)
    return tensor.to(device)


def _to_host(payload: Tensor, maxima: Tensor, is_clamped: Tensor | None = None) -> _HostFrame:
    """Payload (uint8), maxima and flag on the host; a single copy when they come from an accelerator."""
    if payload.device.type == "cpu":
        flag = False if is_clamped is None else bool(is_clamped)
        return _HostFrame(payload.numpy().data, maxima.numpy(), flag)
    joined = joined_on_device(payload, maxima, is_clamped)
    if payload.device.type == "cuda":
        pinned = torch.empty(joined.shape, dtype=torch.uint8, pin_memory=True)
        pinned.copy_(joined, non_blocking=True)
        torch.cuda.current_stream(payload.device).synchronize()
        joined = pinned
    return split_on_host(joined.cpu().numpy(), payload.numel())


def joined_on_device(payload: Tensor, maxima: Tensor, is_clamped: Tensor | None) -> Tensor:
    """Payload, maxima (float32) and flag as one run of bytes on their device."""
    flag = torch.zeros(1, dtype=torch.uint8, device=payload.device)
    if is_clamped is not None:
        flag[0] = is_clamped
    return torch.cat((payload, maxima.view(torch.uint8), flag))


def split_on_host(joined: npt.NDArray[np.uint8], num_payload_bytes: int) -> _HostFrame:
    """What `joined_on_device` put together. The payload aliases `joined`."""
    return _HostFrame(
        joined.data[:num_payload_bytes],
        joined[num_payload_bytes:-1].copy().view(np.float32),
        bool(joined[-1]),
    )
