"""The compute device as clients of the server are told about it."""

from __future__ import annotations

from typing import Any

from comfy.memory import devices


def device_facts() -> list[dict[str, Any]]:
    """Name, kind and memory (bytes) of every compute device, the primary one first. On a CPU, RAM is its memory."""
    device = devices.get_torch_device()
    total, torch_total = devices.get_total_memory(device, torch_total_too=True)
    free, torch_free = devices.get_free_memory(device, torch_free_too=True)
    return [
        {
            "name": devices.get_torch_device_name(device),
            "type": device.type,
            "index": device.index,
            "vram_total": total,
            "vram_free": free,
            "torch_vram_total": torch_total,
            "torch_vram_free": torch_free,
        }
    ]
