"""Which number format weights and computations use on which device.

A CPU computes in float32. CUDA devices compute in half precision where their hardware is made for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from comfy.memory import devices

FLOAT8_TYPES: list[torch.dtype] = [torch.float8_e4m3fn, torch.float8_e5m2]

# CUDA capabilities from which on a format has hardware of its own.
FP16_CAPABILITY = (7, 0)
BF16_CAPABILITY = (8, 0)
FP8_CAPABILITY = (8, 9)


def _capability(device: torch.device | None) -> tuple[int, int]:
    """The CUDA capability of a device (default: the computing one), (0, 0) for others."""
    chosen = devices.get_torch_device() if device is None else torch.device(device)
    return torch.cuda.get_device_capability(chosen) if chosen.type == "cuda" else (0, 0)


def get_supported_float8_types() -> list[torch.dtype]:
    """8 bit float formats that can be stored."""
    return FLOAT8_TYPES


def dtype_size(dtype: torch.dtype) -> int:
    """Bytes of one number."""
    return dtype.itemsize


def should_use_fp16(
    device: torch.device | None = None,
    model_params: float = 0,
    prioritize_performance: bool = True,
    manual_cast: bool = False,
) -> bool:
    """Whether float16 is the better choice on a device."""
    return _capability(device) >= FP16_CAPABILITY


def should_use_bf16(
    device: torch.device | None = None,
    model_params: float = 0,
    prioritize_performance: bool = True,
    manual_cast: bool = False,
) -> bool:
    """Whether bfloat16 is the better choice on a device."""
    return _capability(device) >= BF16_CAPABILITY


def supports_fp8_compute(device: torch.device | None = None) -> bool:
    """Whether a device multiplies 8 bit floats."""
    return _capability(device) >= FP8_CAPABILITY


def extended_fp16_support() -> bool:
    """Whether float16 accumulation is safe; nothing here relies on it."""
    return True


def unet_dtype(
    device: torch.device | None = None,
    model_params: float = 0,
    supported_dtypes: Sequence[torch.dtype] = (torch.float16, torch.bfloat16, torch.float32),
    weight_dtype: torch.dtype | None = None,
) -> torch.dtype:
    """The format in which a diffusion model's weights are kept; 8 bit weights stay as they are."""
    if weight_dtype in FLOAT8_TYPES:
        return weight_dtype
    for dtype in supported_dtypes:
        if dtype == torch.float16 and should_use_fp16(device, model_params):
            return dtype
        if dtype == torch.bfloat16 and should_use_bf16(device, model_params):
            return dtype
    return torch.float32


def unet_manual_cast(
    weight_dtype: torch.dtype | None,
    inference_device: torch.device,
    supported_dtypes: Sequence[torch.dtype] = (torch.float16, torch.bfloat16, torch.float32),
) -> torch.dtype | None:
    """The format in which to compute when it is not the weights' own, else None."""
    if weight_dtype is None or weight_dtype == torch.float32:
        return None
    wanted = unet_dtype(inference_device, 0, supported_dtypes)
    return None if weight_dtype == wanted else wanted


def text_encoder_dtype(device: torch.device | None = None) -> torch.dtype:
    """The format of text encoders."""
    chosen = devices.text_encoder_device() if device is None else device
    return torch.float16 if should_use_fp16(chosen) else torch.float32


def vae_dtype(device: torch.device | None = None, allowed_dtypes: Sequence[torch.dtype] = ()) -> torch.dtype:
    """The format of VAEs: the first allowed one that suits the device, else float32."""
    for dtype in allowed_dtypes:
        if dtype == torch.float16 and should_use_fp16(device):
            return dtype
        if dtype == torch.bfloat16 and should_use_bf16(device):
            return dtype
    return torch.float32


def supports_dtype(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a device should compute in a format."""
    return dtype == torch.float32 or (
        not devices.is_device_cpu(device) and dtype in (torch.float16, torch.bfloat16)
    )


def supports_cast(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a device converts to and from a format."""
    return dtype in (torch.float32, torch.float16) or not devices.is_device_mps(device)


def pick_weight_dtype(
    dtype: torch.dtype | None, fallback_dtype: torch.dtype, device: torch.device | None = None
) -> torch.dtype:
    """The given format where the device can hold it, else the fallback."""
    if dtype is None or (device is not None and not supports_cast(device, dtype)):
        return fallback_dtype
    return dtype


def force_upcast_attention_dtype() -> dict[torch.dtype, torch.dtype] | None:
    """Formats that attention must leave, by format; None where there are none."""
    return None
