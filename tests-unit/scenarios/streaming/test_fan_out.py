"""Scenarios S1 to S16: fan-out, rates, ends."""

from __future__ import annotations

import pytest
from stream_bench import StreamBench, node
from stream_nodes import FRAMES, LOG

N = list(range(FRAMES))


def save(source: str, name: str, chunk: int = 0, kind: str = "save") -> dict:
    return node(kind, stream=[source, 0], name=name, chunk=chunk)


def test_s1_one_branch_faster():
    with StreamBench() as bench:
        bench.stream(
            {
                "1": node("src", n=FRAMES),
                "2": node("rep", stream=["1", 0], k=4),
                "3": save("2", "a"),
                "4": save("1", "b"),
            }
        )
    assert LOG.files == {"a": [i // 4 for i in range(4 * FRAMES)], "b": N}
    assert bench.tee <= 16
