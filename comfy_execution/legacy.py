"""Functions that packs import from `execution` in the shapes of old, over the engine's own parts.

Nothing here is used by the engine. Door: `execution`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from comfy_execution.graph import get_input_info
from comfy_execution.graph_utils import is_link
from comfy_execution.prompt import DynamicPrompt


class ExecutionResult(Enum):
    """How far a node came."""

    SUCCESS = 0
    FAILURE = 1
    PENDING = 2


map_node_over_list = None
"""None on purpose: hooks of old packs look for it and give up softly when it is not there."""

_FROM_EXTRA_DATA = {
    "EXTRA_PNGINFO": "extra_pnginfo",
    "AUTH_TOKEN_COMFY_ORG": "auth_token_comfy_org",
    "API_KEY_COMFY_ORG": "api_key_comfy_org",
    "COMFY_USAGE_SOURCE": "comfy_usage_source",
}


def get_input_data(
    inputs: Mapping[str, Any],
    class_def: Any,
    unique_id: str,
    outputs: Any = None,
    dynprompt: DynamicPrompt | None = None,
    extra_data: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, bool], dict[str, Any]]:
    """(input lists by name, names of links without a value, hidden values of V3 classes).

    `outputs` is whatever holds results: an object with `get_output_cache(source_id, unique_id)` or `get(source_id)`,
    or None, and then links have no value.
    """
    data: dict[str, Any] = {}
    missing: dict[str, bool] = {}
    declared = class_def.INPUT_TYPES()
    for name, value in inputs.items():
        kind, _, options = get_input_info(class_def, name, declared)
        if kind is None:
            continue
        if not is_link(value) or (options or {}).get("rawLink"):
            data[name] = [value]
            continue
        found = _result_of(outputs, value[0], unique_id)
        if found is None:
            missing[name] = True
            data[name] = (None,)
        else:
            data[name] = found[int(value[1])]
    for name, kind in (declared.get("hidden") or {}).items():
        data[name] = [_hidden_value(kind, unique_id, dynprompt, extra_data or {})]
    return data, missing, {}


def _result_of(outputs: Any, source_id: str, unique_id: str) -> Any:
    if outputs is None:
        return None
    if hasattr(outputs, "get_output_cache"):
        found = outputs.get_output_cache(source_id, unique_id)
    else:
        found = outputs.get(source_id)
    return getattr(found, "outputs", found)


def _hidden_value(
    kind: str, unique_id: str, dynprompt: DynamicPrompt | None, extra_data: Mapping[str, Any]
) -> Any:
    if kind == "UNIQUE_ID":
        return unique_id
    if kind == "DYNPROMPT":
        return dynprompt
    if kind == "PROMPT":
        return {} if dynprompt is None else dynprompt.get_original_prompt()
    return extra_data.get(_FROM_EXTRA_DATA.get(kind, ""))
