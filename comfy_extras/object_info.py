"""Entries of GET /object_info: a registered class as clients read it.

V1 and V3 classes differ in form (choice lists, hidden inputs, keys that are always there), and both forms are
contract. The keys of 2026 stand on top: `is_input_list`, `has_intermediate_output`, `search_aliases`, and
where set `dev_only`, `essentials_category`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from comfy_api.schema import v1_view
from comfy_api.schema.node import ComfyNode
from comfy_execution.registry import Registry

_MARKS = {
    "deprecated": "DEPRECATED",
    "experimental": "EXPERIMENTAL",
    "api_node": "API_NODE",
    "dev_only": "DEV_ONLY",
}


def class_info(class_type: str, node_class: Any, display_name: str | None = None) -> dict[str, Any]:
    """One class's entry. Raises whatever the class's own INPUT_TYPES or define_schema raises."""
    if isinstance(node_class, type) and issubclass(node_class, ComfyNode):
        return v1_view.node_info(node_class.GET_SCHEMA(), node_class.RELATIVE_PYTHON_MODULE)
    return _v1_info(class_type, node_class, display_name)


def _v1_info(class_type: str, node_class: Any, display_name: str | None) -> dict[str, Any]:
    sections = {name: section or {} for name, section in node_class.INPUT_TYPES().items()}
    types = node_class.RETURN_TYPES
    info: dict[str, Any] = {
        "input": sections,
        "input_order": {name: list(section) for name, section in sections.items()},
        "is_input_list": bool(getattr(node_class, "INPUT_IS_LIST", False)),
        "output": types,
        "output_is_list": getattr(node_class, "OUTPUT_IS_LIST", None) or [False] * len(types),
        "output_name": getattr(node_class, "RETURN_NAMES", None) or types,
        "name": class_type,
        "display_name": display_name or class_type,
        "description": getattr(node_class, "DESCRIPTION", ""),
        "python_module": getattr(node_class, "RELATIVE_PYTHON_MODULE", "nodes"),
        "category": getattr(node_class, "CATEGORY", "sd"),
        "output_node": bool(getattr(node_class, "OUTPUT_NODE", False)),
        "has_intermediate_output": bool(getattr(node_class, "HAS_INTERMEDIATE_OUTPUT", False)),
        "search_aliases": list(getattr(node_class, "SEARCH_ALIASES", None) or ()),
    }
    if hasattr(node_class, "OUTPUT_TOOLTIPS"):
        info["output_tooltips"] = node_class.OUTPUT_TOOLTIPS
    info |= {key: True for key, name in _MARKS.items() if getattr(node_class, name, False)}
    if getattr(node_class, "ESSENTIALS_CATEGORY", None):
        info["essentials_category"] = node_class.ESSENTIALS_CATEGORY
    return info


def as_valid_json(info: dict[str, Any]) -> dict[str, Any]:
    """The entry itself where it is valid JSON; infinite bounds become the largest number, NaN becomes null.

    Browsers refuse a whole answer for one `Infinity`. Raises: TypeError, ValueError for what JSON cannot hold.
    """
    try:
        json.dumps(info, allow_nan=False)
    except ValueError:
        info = _finite(info)
        json.dumps(info, allow_nan=False)
    return info


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else math.copysign(sys.float_info.max, value)
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value


def node_info(registry: Registry, class_type: str) -> dict[str, Any]:
    """The entry of one registered class. Raises: KeyError for an unknown class; whatever the class raises."""
    title = registry.display_names.get(class_type)
    return as_valid_json(class_info(class_type, registry.classes[class_type], title))
