"""Free memory inside of containers, read from files as kernels write them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from comfy_execution.caching.memory import free_memory_bytes, total_memory_bytes
from comfy_execution.caching.modes import CacheType, default_headroom_bytes, make_cache

GIB = 1024**3
MEMINFO = """\
MemTotal:       65536000 kB
MemFree:         1000000 kB
MemAvailable:   32768000 kB
Buffers:            1234 kB
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/meminfo", MEMINFO)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def group_v2(root: Path, path: str, limit: str, used: int, inactive: int = 0) -> None:
    folder = f"sys/fs/cgroup{path}"
    write(root, f"{folder}/memory.max", f"{limit}\n")
    write(root, f"{folder}/memory.current", f"{used}\n")
    write(root, f"{folder}/memory.stat", f"anon 5\nfile 7\ninactive_file {inactive}\nactive_file 1\n")


def group_v1(root: Path, path: str, limit: int, used: int, inactive: int = 0) -> None:
    folder = f"sys/fs/cgroup/memory{path}"
    write(root, f"{folder}/memory.limit_in_bytes", f"{limit}\n")
    write(root, f"{folder}/memory.usage_in_bytes", f"{used}\n")
    write(root, f"{folder}/memory.stat", f"inactive_file 1\ntotal_inactive_file {inactive}\n")


def test_without_groups_the_machine_decides(root: Path) -> None:
    assert total_memory_bytes(root) == 65536000 * 1024
    assert free_memory_bytes(root) == 32768000 * 1024


def test_a_limit_of_version_2_leaves_what_is_not_used(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/\n")
    group_v2(root, "", str(8 * GIB), used=6 * GIB)
    assert total_memory_bytes(root) == 8 * GIB
    assert free_memory_bytes(root) == 2 * GIB


def test_file_pages_that_can_be_given_up_count_as_free(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/\n")
    group_v2(root, "", str(8 * GIB), used=8 * GIB, inactive=3 * GIB)
    assert free_memory_bytes(root) == 3 * GIB


def test_the_tightest_of_the_groups_above_counts(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/kube/pod/box\n")
    group_v2(root, "/kube/pod/box", "max", used=GIB)
    group_v2(root, "/kube/pod", str(4 * GIB), used=3 * GIB)
    group_v2(root, "/kube", str(16 * GIB), used=15 * GIB + GIB // 2)
    assert total_memory_bytes(root) == 4 * GIB
    assert free_memory_bytes(root) == GIB // 2


def test_a_limit_of_version_1_is_read_beside_other_controllers(root: Path) -> None:
    write(
        root,
        "proc/self/cgroup",
        "12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n1:name=systemd:/x\n0::/x\n",
    )
    group_v1(root, "/docker/abc", 2 * GIB, used=GIB, inactive=GIB // 4)
    group_v1(root, "", 9223372036854771712, used=50 * GIB)
    assert total_memory_bytes(root) == 2 * GIB
    assert free_memory_bytes(root) == GIB + GIB // 4


def test_a_container_that_shows_its_hosts_path_finds_its_group_at_the_top(root: Path) -> None:
    write(root, "proc/self/cgroup", "5:memory:/docker/abc\n")
    group_v1(root, "", 2 * GIB, used=GIB)
    assert free_memory_bytes(root) == GIB


@pytest.mark.parametrize("limit", ["max", "", "nonsense", "-5"])
def test_no_limit_and_no_sense_are_no_limit(root: Path, limit: str) -> None:
    write(root, "proc/self/cgroup", "0::/../..\n")
    group_v2(root, "", limit, used=GIB)
    assert free_memory_bytes(root) == 32768000 * 1024


def test_more_in_use_than_allowed_is_nothing_free(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/\n")
    group_v2(root, "", str(GIB), used=2 * GIB)
    assert free_memory_bytes(root) == 0


def test_a_system_that_does_not_tell_has_enough(tmp_path: Path) -> None:
    assert free_memory_bytes(tmp_path) == total_memory_bytes(tmp_path) == sys.maxsize


def test_the_default_headroom_is_a_tenth_within_limits(root: Path) -> None:
    assert default_headroom_bytes(root) == 65536000 * 1024 // 10
    write(root, "proc/self/cgroup", "0::/\n")
    group_v2(root, "", str(4 * GIB), used=0)
    assert default_headroom_bytes(root) == 2 * GIB
    group_v2(root, "", str(GIB), used=0)
    assert default_headroom_bytes(root) == GIB // 2


def test_the_machine_of_this_test_has_memory_and_the_cache_asks_for_it() -> None:
    assert 0 < free_memory_bytes() <= total_memory_bytes()
    assert make_cache(CacheType.RAM_PRESSURE) is not None
