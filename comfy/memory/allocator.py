"""How the C library gives memory back: large blocks at once, so that streams take the same however long they are.

glibc raises the size from which blocks are given back by itself, up to 32 MiB: video frames then stay in a heap that
never shrinks (measured: 1322 MiB instead of 1140 for a clip of 1280x720 upscaled by 2). A fixed size ends that; it is
above the activations of image models, which gain from a heap.
"""

from __future__ import annotations

import ctypes
import sys

LARGE_BYTES = 8 * 1024 * 1024
"""Blocks from this size on go back to the system when they are freed."""

_M_MMAP_THRESHOLD = -3
"""mallopt's number for it. Source: mallopt(3)."""


def give_large_blocks_back(size_bytes: int = LARGE_BYTES) -> bool:
    """Fixes the size; False where the C library has no such setting (macOS, Windows, musl)."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, size_bytes))
