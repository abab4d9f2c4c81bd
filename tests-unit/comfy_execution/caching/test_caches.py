"""The cache modes: what each keeps, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_execution.caching.base import CacheEntry
from comfy_execution.caching.classic import ClassicCache
from comfy_execution.caching.lru import LruCache
from comfy_execution.caching.modes import CacheType, default_headroom_bytes, make_cache
from comfy_execution.caching.none import NoCache
from comfy_execution.caching.ram import RamCache, size_of


class Array:
    """Something with a size, as tensors and arrays have."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


def entry(size: int = 0) -> CacheEntry:
    return CacheEntry([[Array(size)]])


def kept(cache: Any, names: str) -> str:
    return "".join(name for name in names if cache.get(name.encode()) is not None)


def fill(cache: Any, names: str, size: int = 0) -> None:
    for name in names:
        cache.put(name.encode(), entry(size))


def test_classic_keeps_what_the_last_prompt_used() -> None:
    cache = ClassicCache()
    fill(cache, "abc")
    cache.begin_prompt([b"a", b"c", b"new"])
    assert kept(cache, "abc") == "ac"
    cache.begin_prompt([])
    assert len(cache) == 0


def test_classic_keeps_an_expansion_as_long_as_the_node_that_expanded() -> None:
    cache = ClassicCache()
    cache.adopt(b"p", [b"c"])
    cache.adopt(b"c", [b"d"])
    fill(cache, "cdx")  # the parent itself never finished
    cache.begin_prompt([b"p"])
    assert kept(cache, "cdx") == "cd"
    cache.begin_prompt([b"q"])
    assert kept(cache, "cdx") == ""
    fill(cache, "c")
    cache.begin_prompt([b"p"])
    assert kept(cache, "c") == ""


def test_lru_drops_what_was_used_longest_ago() -> None:
    cache = LruCache(3)
    fill(cache, "abc")
    cache.get(b"a")
    fill(cache, "d")
    assert kept(cache, "abcd") == "acd"
    cache.begin_prompt([b"a"])
    fill(cache, "ef")
    assert kept(cache, "acdef") == "aef"


def test_lru_needs_room_for_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        LruCache(0)


def test_none_keeps_nothing() -> None:
    cache = NoCache()
    fill(cache, "a")
    cache.adopt(b"a", [b"b"])
    assert kept(cache, "a") == ""
    assert not cache.keeps_objects


def test_ram_keeps_everything_while_memory_is_free() -> None:
    cache = RamCache(100, lambda: 1000)
    fill(cache, "abc", size=10**9)
    cache.begin_prompt([])
    cache.begin_prompt([])
    assert kept(cache, "abc") == "abc"


def test_ram_gives_up_old_and_large_results_first() -> None:
    free = [1000]
    cache = RamCache(100, lambda: free[0])
    cache.begin_prompt([])
    fill(cache, "s", size=10)
    fill(cache, "l", size=40)
    cache.begin_prompt([])
    fill(cache, "n", size=500)
    free[0] = 70
    cache.begin_prompt([b"s", b"l", b"n"])  # all young again: the largest goes
    assert kept(cache, "sln") == "sl"
    cache.begin_prompt([b"s"])
    assert kept(cache, "sl") == "s"


def test_ram_asks_for_free_memory_only_after_a_good_deal_was_stored() -> None:
    asked = []
    cache = RamCache(6400, lambda: asked.append(len(cache)) or 10**9)
    cache.begin_prompt([])
    fill(cache, "abcd", size=50)
    assert asked == [0, 2, 4]


@pytest.mark.parametrize("cache", [ClassicCache(), LruCache(5), RamCache(0, lambda: 1)])
def test_everything_can_be_forgotten(cache: Any) -> None:
    fill(cache, "abc")
    cache.clear()
    assert kept(cache, "abc") == ""


def test_the_size_of_a_result_is_that_of_its_arrays_once_each() -> None:
    image = Array(1000)
    latent = {"samples": Array(50), "again": image}
    assert size_of(CacheEntry([[image, image], [latent], ["abcd"]])) == 1000 + 50 + 4


def test_modes_make_their_caches() -> None:
    assert isinstance(make_cache(CacheType.CLASSIC), ClassicCache)
    assert isinstance(make_cache(CacheType.DEPENDENCY_AWARE), NoCache)
    lru = make_cache(CacheType.LRU, {"lru": 7})
    assert isinstance(lru, LruCache)
    assert lru.max_entries == 7
    ram = make_cache(CacheType.RAM_PRESSURE, {"ram": 1.5})
    assert isinstance(ram, RamCache)
    assert ram.headroom_bytes == 1.5 * 1024**3
    assert 0 < default_headroom_bytes() <= 10 * 1024**3
