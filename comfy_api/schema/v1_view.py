"""A schema in the older words: INPUT_TYPES dicts and object_info entries. Pure."""

from __future__ import annotations

from typing import Any

from comfy_api.schema.matching_sockets import MatchType
from comfy_api.schema.schema import Schema
from comfy_api.schema.sockets import SocketInput


def input_section(inputs: list[SocketInput]) -> dict[str, dict[str, tuple[Any, dict[str, Any]]]]:
    """{"required": {id: (type, options)}, "optional": {...}}; `optional` only when there are some."""
    section: dict[str, dict[str, tuple[Any, dict[str, Any]]]] = {"required": {}}
    for entry in inputs:
        kind = "optional" if entry.optional else "required"
        section.setdefault(kind, {})[entry.id] = (entry.get_io_type(), entry.as_dict())
    return section


def input_types(schema: Schema, include_hidden: bool = True) -> dict[str, dict[str, Any]]:
    """What INPUT_TYPES of the node gives: inputs and hidden inputs by section."""
    section: dict[str, dict[str, Any]] = dict(input_section(schema.inputs))
    if include_hidden and schema.hidden:
        section["hidden"] = {hidden.name: (hidden.value,) for hidden in schema.hidden}
    return section


def output_names(schema: Schema) -> list[Any]:
    """Display name of each slot, its type where there is none."""
    return [output.display_name or output.get_io_type() for output in schema.outputs]


def node_info(schema: Schema, python_module: str) -> dict[str, Any]:
    """The object_info entry of a V3 node, with the keys of 2026."""
    sections = input_types(schema)
    return {
        "input": {name: {key: list(value) for key, value in part.items()} for name, part in sections.items()},
        "input_order": {name: list(part) for name, part in sections.items()},
        "is_input_list": schema.is_input_list,
        "output": [output.get_io_type() for output in schema.outputs],
        "output_is_list": [output.is_output_list for output in schema.outputs],
        "output_name": output_names(schema),
        "output_tooltips": [output.tooltip for output in schema.outputs],
        "output_matchtypes": _match_templates(schema),
        "name": schema.node_id,
        "display_name": schema.display_name,
        "description": schema.description,
        "python_module": python_module,
        "category": schema.category,
        "output_node": schema.is_output_node,
        "has_intermediate_output": schema.has_intermediate_output,
        "deprecated": schema.is_deprecated,
        "experimental": schema.is_experimental,
        "dev_only": schema.is_dev_only,
        "api_node": schema.is_api_node,
        "price_badge": schema.price_badge.as_dict() if schema.price_badge is not None else None,
        "search_aliases": list(schema.search_aliases or ()),
        "essentials_category": schema.essentials_category,
    }


def _match_templates(schema: Schema) -> list[str | None] | None:
    """Template id of each slot whose type follows an input's; None when no slot does."""
    ids = [
        output.template.template_id if isinstance(output, MatchType.Output) else None
        for output in schema.outputs
    ]
    return ids if any(ids) else None
