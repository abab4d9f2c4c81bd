"""Facts about this machine and installation, for GET /system_stats. Imports no torch: devices are handed in."""

from __future__ import annotations

import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from app.config import ServerConfig

FRONTEND_PACKAGE = "comfyui-frontend-package"
TEMPLATES_PACKAGE = "comfyui-workflow-templates"
REQUIRED_FRONTEND = "1.58.1"
REQUIRED_TEMPLATES = "0.1.95"
"""The versions of requirements.txt; a test compares them. A front end older than this warns its user."""


@cache
def installed_version(package: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


_ACCELERATORS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dri", "/dev/dxg", "/dev/accel")
"""Device files of every driver that torch has a backend for on Linux."""


def has_no_accelerator() -> bool:
    """Whether the operating system alone shows that torch will find nothing but the CPU."""
    return sys.platform == "linux" and not any(Path(name).exists() for name in _ACCELERATORS)


def cpu_facts() -> list[dict[str, Any]]:
    """The one device of a machine without accelerator: its memory is the RAM."""
    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    sizes = {"vram_total": total, "vram_free": free, "torch_vram_total": total, "torch_vram_free": free}
    return [{"name": "cpu", "type": "cpu", "index": None, **sizes}]


def system_facts(config: ServerConfig) -> dict[str, Any]:
    """The `system` object. `argv` is always a list of strings: the page's Run button needs it."""
    memory = psutil.virtual_memory()
    return {
        "os": sys.platform,
        "ram_total": memory.total,
        "ram_free": memory.available,
        "comfyui_version": config.version,
        "required_frontend_version": REQUIRED_FRONTEND,
        "installed_templates_version": installed_version(TEMPLATES_PACKAGE),
        "required_templates_version": REQUIRED_TEMPLATES,
        "python_version": sys.version,
        "pytorch_version": installed_version("torch") or "",
        "embedded_python": False,
        "argv": list(config.argv),
    }
