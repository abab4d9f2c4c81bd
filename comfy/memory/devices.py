"""Which device does what: compute, results between nodes, weights at rest.

`configure` is called once by main, before any model is loaded; until then the first CUDA device is used where there
is one, and the CPU else.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, overload

import torch


class VRAMState(enum.Enum):
    """How much of a model may stay on the accelerator; names and values are known to packs."""

    DISABLED = 0
    NO_VRAM = 1
    LOW_VRAM = 2
    NORMAL_VRAM = 3
    HIGH_VRAM = 4
    SHARED = 5


class CPUState(enum.Enum):
    """What kind of device computes; names and values are known to packs."""

    GPU = 0
    CPU = 1
    MPS = 2


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What the command line says about devices."""

    cpu_only: bool = False
    gpu_only: bool = False
    cuda_device: int | None = None
    reserve_bytes: int = 400 * 1024 * 1024


settings = DeviceSettings()


def configure(new_settings: DeviceSettings) -> None:
    """Sets the device policy of the process. Call before the first model is loaded."""
    global settings, cpu_state, vram_state
    settings = new_settings
    cpu_state = _cpu_state()
    vram_state = _vram_state()


@cache
def _cuda_works() -> bool:
    return torch.cuda.is_available()


def _cpu_state() -> CPUState:
    return CPUState.CPU if settings.cpu_only or not _cuda_works() else CPUState.GPU


def _vram_state() -> VRAMState:
    if _cpu_state() is CPUState.CPU:
        return VRAMState.DISABLED
    return VRAMState.HIGH_VRAM if settings.gpu_only else VRAMState.NORMAL_VRAM


cpu_state = _cpu_state()
vram_state = _vram_state()


def get_torch_device() -> torch.device:
    """The device that computes."""
    if cpu_state is CPUState.CPU:
        return torch.device("cpu")
    index = settings.cuda_device
    return torch.device("cuda", torch.cuda.current_device() if index is None else index)


def _at_rest() -> torch.device:
    return get_torch_device() if settings.gpu_only else torch.device("cpu")


def intermediate_device() -> torch.device:
    """The device of results that pass between nodes."""
    return _at_rest()


def unet_offload_device() -> torch.device:
    """Where a diffusion model's weights rest while it does not compute."""
    return _at_rest()


def text_encoder_device() -> torch.device:
    """The device on which text encoders compute."""
    return get_torch_device()


def text_encoder_offload_device() -> torch.device:
    """Where a text encoder's weights rest."""
    return _at_rest()


def unet_inital_load_device(parameters: float, dtype: torch.dtype) -> torch.device:
    """Where a diffusion model is built; the spelling is known to packs."""
    return get_torch_device() if vram_state is VRAMState.HIGH_VRAM else unet_offload_device()


def text_encoder_initial_device(
    load_device: torch.device, offload_device: torch.device, model_size: float = 0
) -> torch.device:
    """Where a text encoder is built."""
    return load_device if load_device == offload_device else offload_device


def vae_device() -> torch.device:
    """The device on which VAEs compute."""
    return get_torch_device()


def vae_offload_device() -> torch.device:
    """Where a VAE's weights rest."""
    return _at_rest()


def is_device_type(device: torch.device | str | None, type: str) -> bool:
    """Whether a device is of a kind ("cpu", "cuda", "mps", "xpu")."""
    return device is not None and torch.device(device).type == type


def is_device_cpu(device: torch.device | str | None) -> bool:
    """Whether a device is the CPU."""
    return is_device_type(device, "cpu")


def is_device_cuda(device: torch.device | str | None) -> bool:
    """Whether a device is CUDA."""
    return is_device_type(device, "cuda")


def is_device_mps(device: torch.device | str | None) -> bool:
    """Whether a device is Apple's."""
    return is_device_type(device, "mps")


def is_device_xpu(device: torch.device | str | None) -> bool:
    """Whether a device is Intel's."""
    return is_device_type(device, "xpu")


def cpu_mode() -> bool:
    """Whether the CPU computes."""
    return cpu_state is CPUState.CPU


def is_nvidia() -> bool:
    """Whether a CUDA device of NVIDIA computes."""
    return cpu_state is CPUState.GPU and torch.version.cuda is not None


def is_amd() -> bool:
    """Whether a ROCm device computes."""
    return cpu_state is CPUState.GPU and torch.version.hip is not None


def get_torch_device_name(device: torch.device) -> str:
    """A device's name for people, such as "cuda:0 NVIDIA H200"."""
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    return device.type


def _memory_field(field: str) -> int:
    """One field of the kernel's memory report in bytes, 0 where there is none."""
    try:
        report = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return 0
    for line in report.splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def total_ram_bytes() -> int:
    """Memory of the machine."""
    return _memory_field("MemTotal") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_ram_bytes() -> int:
    """Memory that can be had without swapping."""
    return _memory_field("MemAvailable") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


@overload
def get_total_memory(dev: torch.device | None = ..., torch_total_too: Literal[False] = ...) -> int: ...
@overload
def get_total_memory(dev: torch.device | None, torch_total_too: Literal[True]) -> tuple[int, int]: ...
def get_total_memory(dev: torch.device | None = None, torch_total_too: bool = False) -> int | tuple[int, int]:
    """Bytes of a device (default: the computing one); with `torch_total_too` also what torch holds of it."""
    device = get_torch_device() if dev is None else dev
    if device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
        held = torch.cuda.memory_stats(device).get("reserved_bytes.all.current", 0)
    else:
        total = held = total_ram_bytes()
    return (total, held) if torch_total_too else total


@overload
def get_free_memory(dev: torch.device | None = ..., torch_free_too: Literal[False] = ...) -> float: ...
@overload
def get_free_memory(dev: torch.device | None, torch_free_too: Literal[True]) -> tuple[float, float]: ...
def get_free_memory(
    dev: torch.device | None = None, torch_free_too: bool = False
) -> float | tuple[float, float]:
    """Free bytes of a device (default: the computing one); with `torch_free_too` also what torch could reuse."""
    device = get_torch_device() if dev is None else dev
    if device.type == "cuda":
        stats = torch.cuda.memory_stats(device)
        reusable = stats.get("reserved_bytes.all.current", 0) - stats.get("active_bytes.all.current", 0)
        free = torch.cuda.mem_get_info(device)[0] + reusable
    else:
        free = reusable = free_ram_bytes()
    return (free, reusable) if torch_free_too else free


def soft_empty_cache(force: bool = False) -> None:
    """Gives memory that torch keeps for reuse back to the device."""
    if cpu_state is CPUState.GPU:
        torch.cuda.empty_cache()
        torch.cuda.ipc_collect()


BYTES_PER_MIB = 1024 * 1024


def __getattr__(name: str) -> float:
    """`total_ram` and `total_vram` in MiB, as packs print them; asked for late, since asking wakes the device."""
    if name == "total_ram":
        return total_ram_bytes() / BYTES_PER_MIB
    if name == "total_vram":
        return get_total_memory() / BYTES_PER_MIB
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
