"""The door `execution`: names that packs import, in the shapes they know."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from engine_harness import RecordingSink, new_registry

import execution
from comfy_execution import executor, queue, registry, reports, validation
from comfy_execution.caching.base import CacheEntry
from comfy_execution.prompt import DynamicPrompt


class Made:
    """A V1 class with every kind of input."""

    RETURN_TYPES = ("*",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"value": ("*", {}), "raw": ("*", {"rawLink": True})},
            "hidden": {"me": "UNIQUE_ID", "info": "EXTRA_PNGINFO", "prompt": "PROMPT"},
        }

    def run(self, **inputs: Any) -> Any:
        return (inputs,)


def test_the_names_are_the_homes_own() -> None:
    assert execution.PromptExecutor is executor.PromptExecutor
    assert execution.PromptQueue is queue.PromptQueue
    assert execution.validate_prompt is validation.validate_prompt
    assert execution.full_type_name is reports.full_type_name
    assert execution.map_node_over_list is None
    assert execution.MAXIMUM_HISTORY_SIZE == 10000
    assert sorted(execution.__all__) == sorted(set(execution.__all__))
    assert all(hasattr(execution, name) for name in execution.__all__)


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (execution.PromptExecutor.execute, ["self", "prompt", "prompt_id", "extra_data", "execute_outputs"]),
        (execution.PromptQueue.task_done, ["self", "item_id", "history_result", "status", "process_item"]),
        (execution.PromptQueue.get_history, ["self", "prompt_id", "max_items", "offset", "map_function"]),
        (execution.PromptQueue.delete_queue_item, ["self", "function"]),
        (
            execution.get_input_data,
            ["inputs", "class_def", "unique_id", "outputs", "dynprompt", "extra_data"],
        ),
    ],
)
def test_parameters_keep_the_names_and_places_that_packs_use(function: Any, names: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == names


def test_a_pack_can_build_the_executor_as_it_used_to() -> None:
    engine = execution.PromptExecutor(RecordingSink("c"))
    assert engine.success
    engine.reset()
    lru = execution.PromptExecutor(RecordingSink("c"), execution.CacheType.LRU, {"lru": 3})
    assert type(lru.caches).__name__ == "LruCache"


def test_input_data_come_as_lists_with_missing_links_named() -> None:
    prompt = DynamicPrompt({"1": {}})
    inputs = {"value": ["1", 0], "raw": ["1", 0], "stray": 5}
    data, missing, _ = execution.get_input_data(inputs, Made, "7", None, prompt, {"extra_pnginfo": {"w": 1}})
    assert data == {
        "value": (None,),
        "raw": [["1", 0]],
        "me": ["7"],
        "info": [{"w": 1}],
        "prompt": [{"1": {}}],
    }
    assert missing == {"value": True}


@pytest.mark.parametrize("outputs", [{"1": CacheEntry([[5, 6]])}, {"1": [[5, 6]]}])
def test_input_data_take_results_from_whatever_holds_them(outputs: Any) -> None:
    data, missing, _ = execution.get_input_data({"value": ["1", 0]}, Made, "7", outputs)
    assert data["value"] == [5, 6]
    assert missing == {}


def test_the_process_has_one_registry_once_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_installed", [])
    with pytest.raises(LookupError, match="install"):
        registry.installed()
    mine = new_registry({"Made": Made})
    registry.install(mine)
    assert registry.installed() is mine
    assert "Made" in mine
    assert list(mine) == ["Made"]


def test_type_names_of_builtins_are_plain() -> None:
    assert execution.full_type_name(ValueError) == "ValueError"
    assert execution.full_type_name(DynamicPrompt) == "comfy_execution.prompt.DynamicPrompt"
