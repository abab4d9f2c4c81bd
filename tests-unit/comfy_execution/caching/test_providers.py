"""Cache providers of packs: what they are asked and given, by an engine that runs; and that they can break nothing."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from engine_harness import Bench, RecordingSink, new_registry

from comfy_api.latest import Caching, ComfyAPI, ComfyAPISync
from comfy_execution.caching.base import CacheEntry
from comfy_execution.caching.modes import CacheType
from comfy_execution.caching.providers import PROVIDERS, ProviderCalls, Question
from comfy_execution.graph_utils import GraphBuilder

CLIENT = "client"


def node_class(run: Any, *, output: bool = False, **attributes: Any) -> type:
    fields = {
        "INPUT_TYPES": classmethod(lambda cls: {"required": {"v": ("*", {})}, "optional": {"w": ("*", {})}}),
        "RETURN_TYPES": () if output else ("*",),
        "FUNCTION": "run",
        "OUTPUT_NODE": output,
        "run": run,
    }
    return type("Made", (), fields | attributes)


def grow(self: object, v: Any, w: Any = None) -> dict[str, Any]:
    graph = GraphBuilder()
    first = graph.node("Add", v=v, w=1)
    return {"result": (graph.node("Add", v=first.out(0), w=1).out(0),), "expand": graph.finalize()}


CLASSES = {
    "Add": node_class(lambda self, v, w=0: (v + w,)),
    "Grow": node_class(grow),
    "Always": node_class(lambda self, v, w=0: (v,), IS_CHANGED=classmethod(lambda cls, v: float("nan"))),
    "Fail": node_class(lambda self, v, w=0: 1 / 0),
    "Show": node_class(lambda self, v, w=0: {"ui": {"text": [str(v)]}}, output=True),
}
CHAIN = {
    "1": {"class_type": "Add", "inputs": {"v": 1, "w": 2}},
    "2": {"class_type": "Add", "inputs": {"v": ["1", 0], "w": 3}},
    "3": {"class_type": "Show", "inputs": {"v": ["2", 0]}},
}


class Shelf(Caching.CacheProvider):
    """Keeps everything in a dict, and what it was asked in a list."""

    def __init__(self, kept: dict[str, Any] | None = None) -> None:
        self.kept: dict[str, Any] = {} if kept is None else kept
        self.calls: list[tuple[str, Any]] = []

    async def on_lookup(self, context: Any) -> Any:
        await asyncio.sleep(0)
        self.calls.append(("lookup", context.node_id))
        return self.kept.get(context.cache_key_hash)

    async def on_store(self, context: Any, value: Any) -> None:
        await asyncio.sleep(0)
        self.calls.append(("store", context.node_id))
        self.kept[context.cache_key_hash] = value

    def on_prompt_start(self, prompt_id: str) -> None:
        self.calls.append(("start", prompt_id))

    def on_prompt_end(self, prompt_id: str) -> None:
        self.calls.append(("end", prompt_id))

    def told(self, kind: str) -> list[Any]:
        return [what for name, what in self.calls if name == kind]


@pytest.fixture(autouse=True)
def no_provider_stays() -> Iterator[None]:
    yield
    for provider in tuple(PROVIDERS):
        Caching.unregister_provider(provider)


def run(prompt: dict[str, Any], mode: CacheType = CacheType.CLASSIC) -> tuple[Any, list[Any], list[str]]:
    """(history entry, ids of cached nodes, ids of nodes that ran) of a fresh engine."""
    sink = RecordingSink(CLIENT)
    with Bench(new_registry(CLASSES), sink, mode) as bench:
        entry, messages = bench.run(prompt)
    cached = next(message["data"]["nodes"] for message in messages if message["type"] == "execution_cached")
    ran = [m["data"]["node"] for m in messages if m["type"] == "executing" and m["data"]["node"] is not None]
    return entry, cached, ran


@pytest.mark.parametrize("mode", CacheType)
def test_an_engine_that_never_saw_the_prompt_takes_its_results_from_a_provider(mode: CacheType) -> None:
    first, second = Shelf(), Shelf()
    Caching.register_provider(first)
    entry, cached, ran = run(CHAIN, mode)
    assert (cached, ran) == ([], ["1", "2", "3"])
    assert sorted(first.told("store")) == ["1", "2", "3"]
    Caching.unregister_provider(first)

    second.kept = first.kept
    Caching.register_provider(second)
    again, cached, ran = run(CHAIN, mode)
    assert (cached, ran) == (["3"], [])
    assert again["outputs"] == entry["outputs"] == {"3": {"text": ["6"]}}
    assert second.told("lookup") == ["3"], "what lies behind a result that is there is not asked for"
    assert second.told("store") == []


def test_a_change_at_the_end_takes_what_lies_before_it_from_the_provider() -> None:
    shelf = Shelf()
    Caching.register_provider(shelf)
    run(CHAIN)
    changed = {**CHAIN, "2": {"class_type": "Add", "inputs": {"v": ["1", 0], "w": 30}}}
    entry, cached, ran = run(changed)
    assert (cached, ran) == (["1"], ["2", "3"])
    assert entry["outputs"] == {"3": {"text": ["33"]}}


def test_calls_of_one_prompt_come_in_order_and_keys_are_sha256() -> None:
    shelf = Shelf()
    Caching.register_provider(shelf)
    entry, _, _ = run(CHAIN)
    prompt_id = entry["prompt"][1]
    assert shelf.calls[0] == ("start", prompt_id)
    assert shelf.calls[-1] == ("end", prompt_id)
    assert shelf.told("lookup") == ["3", "2", "1"]
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in shelf.kept)
    (value,) = [value for value in shelf.kept.values() if value.ui]
    assert (value.outputs, value.ui) == ([], {"text": ["6"]})


def test_equal_content_has_the_key_it_has_on_another_machine_whatever_the_ids() -> None:
    one, other = Shelf(), Shelf()
    Caching.register_provider(one)
    run(CHAIN)
    Caching.unregister_provider(one)
    Caching.register_provider(other)
    renamed = {
        "x": {"class_type": "Show", "inputs": {"v": ["y", 0]}},
        "y": {"class_type": "Add", "inputs": {"w": 3, "v": ["z", 0]}},
        "z": {"class_type": "Add", "inputs": {"w": 2, "v": 1}},
    }
    run(renamed)
    assert one.kept.keys() == other.kept.keys()


def test_nodes_that_always_run_are_neither_asked_about_nor_stored() -> None:
    shelf = Shelf()
    Caching.register_provider(shelf)
    prompt = {
        "1": {"class_type": "Add", "inputs": {"v": 1}},
        "2": {"class_type": "Always", "inputs": {"v": ["1", 0]}},
        "3": {"class_type": "Show", "inputs": {"v": ["2", 0]}},
    }
    run(prompt)
    assert shelf.told("lookup") == shelf.told("store") == ["1"]


def test_nodes_of_an_expansion_are_stored_and_found() -> None:
    shelf = Shelf()
    Caching.register_provider(shelf)
    prompt = {
        "1": {"class_type": "Grow", "inputs": {"v": 1}},
        "2": {"class_type": "Show", "inputs": {"v": ["1", 0]}},
    }
    run(prompt)
    assert sorted(shelf.told("store")) == ["1", "1.0.0.1", "1.0.0.2", "2"]
    by_inputs = {key: value for key, value in shelf.kept.items() if value.outputs == [[3]]}
    shelf.kept = dict(
        list(by_inputs.items())[:1]
    )  # the last node of the expansion, which finished before its parent
    shelf.calls.clear()
    entry, cached, ran = run(prompt)
    assert (cached, entry["outputs"]) == ([], {"2": {"text": ["3"]}})
    assert ran == ["1", "2"]
    assert "1.0.0.1" not in shelf.told("lookup")


def test_the_first_provider_that_has_a_result_counts() -> None:
    filled, empty, last = Shelf(), Shelf(), Shelf()
    Caching.register_provider(filled)
    run(CHAIN)
    Caching.unregister_provider(filled)
    for provider in (empty, filled, last):
        Caching.register_provider(provider)
    Caching.register_provider(empty)  # a second time changes nothing
    assert tuple(PROVIDERS) == (empty, filled, last)
    filled.calls.clear()
    run(CHAIN)
    assert (empty.told("lookup"), filled.told("lookup"), last.told("lookup")) == (["3"], ["3"], [])


class Broken(Caching.CacheProvider):
    """Raises in every method."""

    def should_cache(self, context: Any, value: Any = None) -> bool:
        raise RuntimeError("should_cache")

    def on_prompt_start(self, prompt_id: str) -> None:
        raise RuntimeError("on_prompt_start")

    def on_prompt_end(self, prompt_id: str) -> None:
        raise RuntimeError("on_prompt_end")


class HalfBroken(Caching.CacheProvider):
    """Cannot look up and cannot store: the base's own methods."""


class Liar(Shelf):
    """Answers with what is no result of the node."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    async def on_lookup(self, context: Any) -> Any:
        return self.answer


@pytest.mark.parametrize(
    "provider",
    [
        Broken(),
        HalfBroken(),
        Liar(5),
        Liar(Caching.CacheValue([[1], [2], [3]])),
        Liar(Caching.CacheValue([1])),
    ],
)
def test_a_provider_that_raises_or_lies_is_logged_and_passed_over(
    provider: Any, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    Caching.register_provider(provider)
    Caching.register_provider(shelf)
    for _ in range(2):
        entry, _, _ = run(CHAIN)
        assert entry["status"]["status_str"] == "success"
        assert entry["outputs"] == {"3": {"text": ["6"]}}
    assert type(provider).__name__ in caplog.text
    assert "passed over" in caplog.text
    assert shelf.told("lookup") == ["3", "2", "1", "3"], "the next one is asked all the same"


def test_a_provider_chooses_what_it_keeps() -> None:
    class Choosy(Shelf):
        def should_cache(self, context: Any, value: Any = None) -> bool:
            return context.class_type == "Add" and (value is None or value.outputs == [[6]])

    shelf = Choosy()
    Caching.register_provider(shelf)
    run(CHAIN)
    assert shelf.told("lookup") == ["2", "1"]
    assert shelf.told("store") == ["2"]


def test_a_prompt_that_fails_ends_for_providers_too() -> None:
    shelf = Shelf()
    Caching.register_provider(shelf)
    prompt = {
        "1": {"class_type": "Add", "inputs": {"v": 1}},
        "2": {"class_type": "Fail", "inputs": {"v": ["1", 0]}},
        "3": {"class_type": "Show", "inputs": {"v": ["2", 0]}},
    }
    entry, _, _ = run(prompt)
    assert entry["status"]["status_str"] == "error"
    assert shelf.told("store") == ["1"]
    assert shelf.calls[-1][0] == "end"


async def test_a_provider_that_hangs_is_waited_for_only_so_long(caplog: pytest.LogCaptureFixture) -> None:
    class Hung(Shelf):
        async def on_lookup(self, context: Any) -> Any:
            await asyncio.Event().wait()

        async def on_store(self, context: Any, value: Any) -> None:
            await asyncio.Event().wait()

    full = Shelf()
    question = Question("1", "Add", b"key", 1)
    full.kept[hashlib.sha256(b"key").hexdigest()] = Caching.CacheValue([[7]])
    calls = ProviderCalls("p", [Hung(), full], patience_s=0.01)
    found = await calls.lookup([question])
    assert found["1"].outputs == [[7]]
    calls.store(question, CacheEntry([[8]]))
    await calls.finish()
    assert full.told("store") == ["1"]
    assert "on_lookup raised" in caplog.text and "on_store raised" in caplog.text


async def test_both_forms_of_the_api_register() -> None:
    one, other = Shelf(), Shelf()
    await ComfyAPI().caching.register_provider(one)
    ComfyAPISync().caching.register_provider(other)
    assert tuple(PROVIDERS) == (one, other)
    await ComfyAPI().caching.unregister_provider(one)
    ComfyAPISync().caching.unregister_provider(other)
    assert tuple(PROVIDERS) == ()


def test_what_is_no_provider_is_refused() -> None:
    with pytest.raises(TypeError, match="CacheProvider"):
        Caching.register_provider(Shelf)  # type: ignore[arg-type]
