"""Large blocks go back to the system when they are freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import sys, psutil
from comfy.memory.allocator import give_large_blocks_back
import torch
if sys.argv[1] == "yes":
    assert give_large_blocks_back()
process = psutil.Process()
for _ in range(3):  # glibc learns the size from what is freed
    torch.zeros(12 * 2**18); torch.zeros(24 * 2**18)
frames = [torch.zeros(12 * 2**18) for _ in range(10)]
frames[:9] = []  # the last one stands above what is free now
print(process.memory_info().rss // 2**20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_freed_frames_do_not_stay_in_the_heap():
    sizes = {
        answer: int(
            subprocess.run(
                [sys.executable, "-c", PROBE, answer], capture_output=True, text=True, check=True, timeout=60
            ).stdout
        )
        for answer in ("yes", "no")
    }
    assert sizes["yes"] < sizes["no"] - 50  # nine frames of 12 MiB
