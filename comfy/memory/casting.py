"""Moving single tensors between devices and formats."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.memory import devices


def device_supports_non_blocking(device: torch.device | str) -> bool:
    """Whether copies to a device may run beside the computation: only to CUDA."""
    return devices.is_device_cuda(device)


def cast_to(
    weight: Tensor,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    stream: Any = None,
) -> Tensor:
    """The tensor in a format on a device; the very tensor where it fits already and no copy is asked for."""
    if stream is not None:
        with stream:
            return weight.to(device=device, dtype=dtype, non_blocking=non_blocking, copy=copy)
    return weight.to(device=device, dtype=dtype, non_blocking=non_blocking, copy=copy)


def cast_to_device(
    tensor: Tensor, device: torch.device | str, dtype: torch.dtype | None, copy: bool = False
) -> Tensor:
    """`cast_to` with copies beside the computation where the device can."""
    return cast_to(
        tensor, dtype=dtype, device=device, non_blocking=device_supports_non_blocking(device), copy=copy
    )


def get_offload_stream(device: torch.device | str) -> None:
    """A stream for copies beside the computation: none, weights are loaded before a run."""
    return


def sync_stream(device: torch.device | str, stream: Any) -> None:
    """Waits for such a stream; nothing to wait for without one."""
    if stream is not None:
        torch.cuda.current_stream(torch.device(device)).wait_stream(stream)
