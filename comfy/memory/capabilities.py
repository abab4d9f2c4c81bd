"""What this process can and cannot do, as packs ask: accelerators and attention kernels that are not used answer no.

Attention is torch's own; nothing here detects third-party kernels, because no code of ours would call them.
"""

from __future__ import annotations

from typing import Any

import torch

from comfy.memory import devices

XFORMERS_IS_AVAILABLE = False
DISABLE_SMART_MEMORY = False
directml_enabled = False
xpu_available = False
torch_version = torch.version.__version__

# What a model that does not fit raises, on any device.
OOM_EXCEPTION = torch.OutOfMemoryError


def is_intel_xpu() -> bool:
    """Whether an Intel accelerator computes."""
    return False


def is_ascend_npu() -> bool:
    """Whether an Ascend accelerator computes."""
    return False


def is_mlu() -> bool:
    """Whether a Cambricon accelerator computes."""
    return False


def is_ixuca() -> bool:
    """Whether an Iluvatar accelerator computes."""
    return False


def is_directml_enabled() -> bool:
    """Whether DirectML computes."""
    return False


def mps_mode() -> bool:
    """Whether Apple's accelerator computes."""
    return devices.cpu_state is devices.CPUState.MPS


def mac_version() -> tuple[int, ...] | None:
    """The version of macOS, None elsewhere."""
    import platform

    version = platform.mac_ver()[0]
    return tuple(int(part) for part in version.split(".")) if version else None


def amd_min_version(device: torch.device | None = None, min_rdna_version: int = 0) -> bool:
    """Whether an AMD device of at least this generation computes; generations are not told apart."""
    return False


def sage_attention_enabled() -> bool:
    """Whether SageAttention is used."""
    return False


def flash_attention_enabled() -> bool:
    """Whether the flash-attention package is used."""
    return False


def xformers_enabled() -> bool:
    """Whether xFormers is used."""
    return False


def xformers_enabled_vae() -> bool:
    """Whether xFormers is used in VAEs."""
    return False


def pytorch_attention_enabled() -> bool:
    """Whether torch's scaled dot product attention is used."""
    return True


def pytorch_attention_enabled_vae() -> bool:
    """Whether torch's scaled dot product attention is used in VAEs."""
    return True


def pytorch_attention_flash_attention() -> bool:
    """Whether torch may choose its flash kernel: on NVIDIA devices."""
    return devices.is_nvidia()


def force_channels_last() -> bool:
    """Whether networks are converted to channels-last on load by force."""
    return False


def device_should_use_non_blocking(device: Any) -> bool:
    """Whether weights are copied beside the computation."""
    return False


def get_autocast_device(dev: Any) -> str:
    """The device kind that torch.autocast takes for a device."""
    return dev.type if hasattr(dev, "type") else "cuda"
