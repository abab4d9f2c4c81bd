"""How much memory there is and how much is free, for a process that may live in a container.

A container's limit is that of its control group (cgroup, version 1 or 2) and of every group above it; the machine's own
numbers say nothing about it. Where the system does not tell, there is as much memory as one could want.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_UNLIMITED = 1 << 60
"""Version 1 has no word for "no limit": it shows the largest multiple of a page."""


class _GroupFiles(NamedTuple):
    """Names of one version. `inactive`: file pages that are given up at once when memory is wanted."""

    folder: str
    limit: str
    usage: str
    inactive: str


_V1 = _GroupFiles(
    "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
)
_V2 = _GroupFiles("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


def total_memory_bytes(root: Path = Path("/")) -> int:
    """Memory that this process could ever have."""
    limits = [limit for limit, _ in _group_limits(root)]
    return min([_machine_bytes(root, "MemTotal:", "SC_PHYS_PAGES"), *limits])


def free_memory_bytes(root: Path = Path("/")) -> int:
    """Memory that can be had now without swapping and without meeting a limit."""
    left = [max(limit - used, 0) for limit, used in _group_limits(root)]
    return min([_machine_bytes(root, "MemAvailable:", "SC_AVPHYS_PAGES"), *left])


def _machine_bytes(root: Path, field: str, pages: str) -> int:
    found = _field(root / "proc/meminfo", field)
    if found is not None:
        return found * 1024
    if root == Path("/") and pages in getattr(os, "sysconf_names", {}):
        return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    return sys.maxsize


def _group_limits(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, used) in bytes of each group around this process that has a limit."""
    for version, group in _groups_of_this_process(root):
        # Inside of a container its own group is often mounted as the root, and the path shown is the host's.
        parts = [part for part in group.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            folder = (root / version.folder).joinpath(*parts[:depth])
            limit = _number(folder / version.limit)
            used = _number(folder / version.usage)
            if limit is not None and used is not None and limit < _UNLIMITED:
                inactive = _field(folder / "memory.stat", version.inactive) or 0
                yield limit, max(used - inactive, 0)


def _groups_of_this_process(root: Path) -> Iterator[tuple[_GroupFiles, str]]:
    """Lines of /proc/self/cgroup: `0::/path` for version 2, `5:memory:/path` for version 1."""
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield _V2, path
        elif "memory" in controllers.split(","):
            yield _V1, path


def _number(path: Path) -> int | None:
    """The number in a file; None for a file that is not there or says "max"."""
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _field(path: Path, name: str) -> int | None:
    """The number behind a name in a file of lines."""
    for line in _lines(path):
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
